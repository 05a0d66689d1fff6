INSERT INTO orgs (name) VALUES ('north'), ('south');
INSERT INTO members (org_id, "user", name, department) VALUES
  (1, '00000000-0000-0000-0000-0000000000a1', 'Ann', 'it'), (1, '00000000-0000-0000-0000-0000000000b1', 'Bob', NULL),
  (2, '00000000-0000-0000-0000-0000000000c1', 'Cid', NULL), (2, '00000000-0000-0000-0000-0000000000a1', 'Ann too', NULL);
INSERT INTO projects (org_id, code, hidden, "from") VALUES (1, 'alpha', false, 'x'), (1, 'beta', true, 'x'), (2, 'gamma', false, 'x');
INSERT INTO assignments (project_id, member_org, member_user, hours) VALUES
  (1, 1, '00000000-0000-0000-0000-0000000000a1', 10), (1, 1, '00000000-0000-0000-0000-0000000000b1', 20),
  (2, 1, '00000000-0000-0000-0000-0000000000b1', 30), (3, 2, '00000000-0000-0000-0000-0000000000c1', 40);
