-- Activities of type http: what they may request.

CREATE FUNCTION temporal.grant_http(role text, url text)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_grant_http';
COMMENT ON FUNCTION temporal.grant_http(text, text) IS
$$Lets workflows of the namespace of the session (temporal_pg.namespace), whose function belongs to a role, execute activities of type http that request URLs which begin so. The setting temporal_pg.http_allow must allow the host, too.

role: name of a role as it is stored (no quotes); members of it have the grant as well; or public for everybody. It is kept by name.
url: such as https://api.example.com/v1/: scheme, host and port are as given, or https://*.example.com/ for every name below, :* for every port; the path covers all below it. It is kept as requests have it: in lower case, without the usual port, 127.1 as 127.0.0.1.
Errors: 42704 no such role, 42501 without the level "admin" in the namespace, 22004, 22023 also what is no such URL, or what no request would match (DETAIL: why, HINT: what they would), 0A000 without library temporal_pg_http, TP021 in workflow code, 25006.$$;

CREATE FUNCTION temporal.revoke_http(role text, url text)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_revoke_http';
COMMENT ON FUNCTION temporal.revoke_http(text, text) IS
$$Takes back what temporal.grant_http() gave, for requests that start from now on. No such grant is no error but a notice.

role: name of the role, which need not exist any more, or public.
url: as it was granted.
Errors: 42501 without the level "admin" in the namespace, 22004, 22023, TP021 in workflow code, 25006.$$;

CREATE FUNCTION temporal.set_secret(name text, value text, role text DEFAULT 'public', url text DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_set_secret';
COMMENT ON FUNCTION temporal.set_secret(text, text, text, text) IS
$$Keeps a secret for requests of activities of type http in the namespace of the session, in place of the one of that name. Workflows write ${secret:name}; it is filled in by the process that sends the request, and is in no history, result, error or dump. The statement itself may be logged (log_statement) and is in pg_stat_activity while it runs; docs/http.md has a way around that.

name: letters, digits, dots, hyphens and underscores, at most 100.
value: at least 8 characters, at most 8 kB, without control characters.
role: workflows of which role may use it: name as it is stored, or public for all that may request the URL.
url: only requests to URLs that begin so may have it, as in temporal.grant_http(); NULL: all that are granted.
Errors: 42704 no such role, 42501 without the level "admin" in the namespace, 22004, 22023, TP021 in workflow code, 25006.$$;

CREATE FUNCTION temporal.drop_secret(name text)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_drop_secret';
COMMENT ON FUNCTION temporal.drop_secret(text) IS
$$Forgets a secret. Requests that name it fail from now on, without another attempt.

name: of the secret.
Errors: 42704 there is none of that name, 42501 without the level "admin" in the namespace, 22004, 22023, TP021 in workflow code, 25006.$$;
