INSERT INTO entries (title, open, note) VALUES ('first', true, 'secret'), ('second', false, NULL);
