-- Areas in another order than the shops, many workers per shop: a plan that starts at the other table changes the order.
INSERT INTO areas SELECT 'a' || n, CASE WHEN n % 2 = 0 THEN 'east' ELSE 'west' END FROM generate_series(40, 1, -1) AS n;
INSERT INTO shops (name, area_code) SELECT 's' || n, 'a' || (1 + (n * 17) % 40) FROM generate_series(1, 120) AS n;
INSERT INTO workers (name, shop_id) SELECT 'w' || n, 1 + (n * 31) % 120 FROM generate_series(1, 400) AS n;
INSERT INTO sales (amount, shop_id) SELECT n % 7, 1 + (n * 7) % 120 FROM generate_series(1, 300) AS n;
ANALYZE;
