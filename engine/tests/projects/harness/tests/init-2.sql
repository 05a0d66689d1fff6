INSERT INTO items (label, count) VALUES ('nuts', 5);
