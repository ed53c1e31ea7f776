-- Namespaces, who may do what in them, search attributes.

CREATE FUNCTION temporal.create_namespace(name text, retention interval DEFAULT '30 days')
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_create_namespace';
COMMENT ON FUNCTION temporal.create_namespace(text, interval) IS
$$Creates a namespace: a tenant with workflows, definitions and rights of its own. Sessions act in the one that temporal_pg.namespace names; namespace "default" comes into being by itself.

name: at most 1000 bytes.
retention: how long closed runs are kept, at least 1 hour.
Only the owner of the extension, its members and superusers may do it.
Errors: 42710 when it exists, 42501, 22004, 22023, TP021 in workflow code, 25006.$$;

CREATE FUNCTION temporal.alter_namespace(name text, retention interval)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_alter_namespace';
COMMENT ON FUNCTION temporal.alter_namespace(text, interval) IS
$$Changes the retention of a namespace, also for runs that are closed already.

name: the namespace.
retention: how long closed runs are kept, at least 1 hour.
Errors: 42704 no such namespace, 42501 without the level "admin" there, 22004, 22023, TP021 in workflow code, 25006.$$;

CREATE FUNCTION temporal.drop_namespace(name text, force boolean DEFAULT false)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_drop_namespace';
COMMENT ON FUNCTION temporal.drop_namespace(text, boolean) IS
$$Deletes a namespace with its runs, histories, definitions and grants. Until the transaction ends, nobody can start or drive workflows of any namespace.

name: the namespace.
force: also when it has open runs; they vanish without being terminated.
Only the owner of the extension, its members and superusers may do it.
Errors: 42704 no such namespace, 55006 it has open runs (and force is false), 42501, 22004, 22023, TP021 in workflow code, 25006.$$;

CREATE FUNCTION temporal.grant_access(namespace text, role text, level text)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_grant_access';
COMMENT ON FUNCTION temporal.grant_access(text, text, text) IS
$$Gives a role a level in a namespace, in place of the one it had. Members of the role have it too. The owner of the extension is admin everywhere.

namespace: the namespace.
role: name of a role as it is stored (no quotes), or public for everybody. It is kept by name: renaming the role loses the grant.
level: client (start, signal, query, update, see), author (and register) or admin (and grant, alter).
Errors: 42704 no such namespace or role, 42501 without the level "admin" there, 22004, 22023, TP021 in workflow code, 25006.$$;

CREATE FUNCTION temporal.revoke_access(namespace text, role text)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_revoke_access';
COMMENT ON FUNCTION temporal.revoke_access(text, text) IS
$$Takes away the level that a role was granted in a namespace. A role without a grant is no error but a notice.

namespace: the namespace.
role: name of the role, which need not exist any more, or public.
Errors: 42704 no such namespace, 42501 without the level "admin" there, 22004, 22023, TP021 in workflow code, 25006.$$;

CREATE FUNCTION temporal.register_search_attribute(name text, type text)
RETURNS void
LANGUAGE c VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'tpg_sql_register_search_attribute';
COMMENT ON FUNCTION temporal.register_search_attribute(text, text) IS
$$Makes a search attribute known in the namespace of the session, so that workflows can be started with it and found by it. Registering it again with the same type does nothing.

name: at most 1000 bytes.
type: Text, Keyword, Int, Double, Bool, Datetime or KeywordList.
Errors: 42710 it is known with another type, 42501 without the level "admin" in the namespace, 22004, 22023, TP021 in workflow code, 25006.$$;

CREATE FUNCTION temporal_internal.may_see(namespace_id integer)
RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'tpg_sql_may_see';
COMMENT ON FUNCTION temporal_internal.may_see(integer) IS 'May the current user see the workflows of this namespace (level client)? For the views, which ask it of each row.';
