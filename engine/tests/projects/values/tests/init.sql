CREATE VIEW thing_ranks AS SELECT rank, count(*)::int AS things, array_agg(level::text ORDER BY id) AS levels FROM things GROUP BY rank;
