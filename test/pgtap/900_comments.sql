-- Every object of the public schema carries a COMMENT: \df+ is the manual.
BEGIN;
SELECT plan(4);

SELECT is_empty($$
	SELECT p.oid::regprocedure
	FROM pg_proc p
	WHERE p.pronamespace = 'temporal'::regnamespace
	  AND obj_description(p.oid, 'pg_proc') IS NULL
	ORDER BY 1::text
$$, 'every function and procedure has a comment');

SELECT is_empty($$
	SELECT t.oid::regtype
	FROM pg_type t
	LEFT JOIN pg_class c ON c.oid = t.typrelid
	WHERE t.typnamespace = 'temporal'::regnamespace
	  AND (t.typrelid = 0 OR c.relkind = 'c')          -- not the row types of relations
	  AND t.typcategory <> 'A'
	  AND obj_description(t.oid, 'pg_type') IS NULL
	ORDER BY 1::text
$$, 'every type has a comment');

SELECT is_empty($$
	SELECT c.oid::regclass
	FROM pg_class c
	WHERE c.relnamespace = 'temporal'::regnamespace
	  AND c.relkind IN ('r', 'v', 'm', 'p', 'f', 'S')
	  AND obj_description(c.oid, 'pg_class') IS NULL
	ORDER BY 1::text
$$, 'every view and table has a comment');

SELECT is_empty($$
	SELECT n.nspname
	FROM pg_namespace n
	WHERE n.nspname IN ('temporal', 'temporal_internal')
	  AND obj_description(n.oid, 'pg_namespace') IS NULL
$$, 'both schemas have a comment');

SELECT * FROM finish();
ROLLBACK;
