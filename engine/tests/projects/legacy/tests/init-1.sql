CREATE VIEW erp.order_totals AS
  SELECT for_customer AS customer_number, count(*)::int AS orders FROM erp.order_book GROUP BY for_customer;
