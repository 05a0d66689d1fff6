insert into plans(name) values ('free'), ('paid');
insert into users(name, email) values ('Ann', 'a@x'), ('Bob', 'b@x');
insert into profiles(level, plan_name, user_id) values (5, 'paid', 1), (2, 'paid', 2);
insert into badges(name, profile_id) values ('writer', 1), ('reader', 2);
insert into orgs(name) values ('Acme'), ('Beta');
insert into depots(code, org_id) values ('north', 1), ('south', 2);
insert into trucks(plate, org_id, depot_code) values ('t1', 1, null);
insert into coupons(code, off) values ('SPRING', 10);
