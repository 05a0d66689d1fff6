CREATE TABLE log_lines (level int NOT NULL, text text, group_id int REFERENCES bunch (id));
