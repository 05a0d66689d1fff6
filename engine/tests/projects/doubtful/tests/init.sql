CREATE TABLE copies (id int, text text, owner_id int);
CREATE TABLE twins (id int, owner_id int, text text);
CREATE TABLE marks (id int, copy_id int);
INSERT INTO owners (name) VALUES ('x'), ('y');
INSERT INTO copies VALUES (1, 'a', 1), (1, 'b', NULL), (2, 'c', NULL);
INSERT INTO twins VALUES (1, 1, 'p'), (2, 1, 'q');
