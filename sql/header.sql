-- Generated from the fragments in sql/; do not edit.
-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION temporal_pg" to load this file. \quit

-- Nothing of what follows may be captured by an object that somebody has put
-- into a schema of the installing session's search_path.
SET LOCAL search_path TO pg_catalog, pg_temp;
