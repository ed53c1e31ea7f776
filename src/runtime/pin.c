/*-------------------------------------------------------------------------
 * runtime/pin.c - which code a pinned run keeps.
 *
 * The code is the functions of the workflow type and of its handlers, and every function of
 * users that they reach: the static check finds those in the trees that PostgreSQL makes of the
 * code.  All of them are copied into one schema, which stands first in the search_path, so that
 * a call by name finds the copy.
 *
 * Trees don't tell whether a call had a schema.  So the copies are looked at in the same way, in
 * the path in which they will run: what they reach outside of their schema is bound to the
 * original, by its schema or its OID, and refuses the version.
 *
 * Functions of extensions are no part of it: they change with their extension, like PostgreSQL's
 * own.  Nor are functions of other roles: a copy would outlive what that role does about
 * its function, such as to REVOKE it.
 *
 * Callers: registration and check_workflow(), in a transaction, outside of workflow code.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/syscache.h"

#include "runtime/pin.h"
#include "runtime/role.h"
#include "runtime/settings.h"
#include "store/function.h"
#include "store/version.h"
#include "store/versioncopy.h"

#define MAX_LISTED 10

/* The code of one version. */
typedef struct Code
{
	const char *what;			/* 'workflow type "order"' */
	Oid			owner;
	const TpgDefinition *def;	/* whose settings hold; NULL: those of the session */
	List	   *roots;			/* OIDs: what is called from outside */
	List	   *functions;		/* OIDs: these, and what they reach */
	List	   *called;			/* OIDs: those of them that are called from within */
	List	   *unseen;			/* of TpgReached */
} Code;

static bool
is_of_user(Oid function)
{
	return function >= FirstNormalObjectId && !OidIsValid(getExtensionOfObject(ProcedureRelationId, function));
}

/* "app.f(integer, text)" */
static char *
shown(Oid function)
{
	Oid		   *types;
	int			n;
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "%s(", quote_qualified_identifier(get_namespace_name(get_func_namespace(function)), get_func_name(function)));
	(void) get_func_signature(function, &types, &n);
	for (int i = 0; i < n; i++)
		appendStringInfo(&buf, "%s%s", i > 0 ? ", " : "", format_type_be(types[i]));
	appendStringInfoChar(&buf, ')');
	return buf.data;
}

static void
refuse(const Code *code, Oid function, int sqlstate, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(sqlstate),
			 errmsg("%s cannot be pinned", code->what),
			 errdetail("%s %s", shown(function), detail),
			 errhint("%s", hint)));
}

static void
check_function(const Code *code, Oid function)
{
	Oid			owner = tpg_function_owner(function);
	char		kind = get_func_prokind(function);

	if (!is_of_user(function))
		refuse(code, function, ERRCODE_INVALID_FUNCTION_DEFINITION, "is no function of a user: it changes with PostgreSQL or its extension.",
			   "Let a function of your own call it.");
	if (isTempNamespace(get_func_namespace(function)) || isOtherTempNamespace(get_func_namespace(function)))
		refuse(code, function, ERRCODE_INVALID_FUNCTION_DEFINITION, "is temporary.", "Create it in a schema that stays.");
	if (kind != PROKIND_FUNCTION && kind != PROKIND_PROCEDURE)
		refuse(code, function, ERRCODE_INVALID_FUNCTION_DEFINITION, "is an aggregate or window function, which is bound to the functions that it was made of.",
			   "Use a loop or one of PostgreSQL's own, or do it in an activity.");
	if (owner != code->owner)
		refuse(code, function, ERRCODE_INSUFFICIENT_PRIVILEGE,
			   psprintf("belongs to \"%s\"; a version has copies of functions of one role only, here \"%s\".",
						GetUserNameFromId(owner, false), GetUserNameFromId(code->owner, false)),
			   "ALTER FUNCTION ... OWNER gives it to that role; or call it in an activity.");
}

/* What these functions reach, under the settings of the code, as its owner; `version`: first in the path, or NULL. */
static TpgCheck *
look(const Code *code, const List *functions, const char *version)
{
	TpgRoleScope role;
	TpgCheck   *check;
	int			level;

	tpg_role_enter(&role, code->owner, true);
	level = code->def != NULL ? tpg_settings_enter(code->def) : NewGUCNestLevel();
	if (version != NULL)
		(void) set_config_option("search_path", tpg_version_path(version, GetConfigOption("search_path", false, false)),
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	check = tpg_check_reach(functions);
	tpg_settings_leave(level);
	tpg_role_leave(&role);
	return check;
}

static void
gather(Code *code)
{
	TpgCheck   *check;
	ListCell   *lc;

	foreach(lc, code->roots)
	{
		check_function(code, lfirst_oid(lc));
		code->functions = list_append_unique_oid(code->functions, lfirst_oid(lc));
	}
	check = look(code, code->roots, NULL);
	foreach(lc, check->reached)
	{
		const TpgReached *r = lfirst(lc);

		if (!OidIsValid(r->function))
		{
			if (is_of_user(r->calls))
				code->unseen = lappend(code->unseen, lfirst(lc));
		}
		else if (is_of_user(r->function))
		{
			if (!list_member_oid(code->functions, r->function))
			{
				check_function(code, r->function);
				code->functions = lappend_oid(code->functions, r->function);
			}
			code->called = list_append_unique_oid(code->called, r->function);
		}
	}
}

static int
compare_texts(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

static char *
name_of(const Code *code, const char *definitions)
{
	StringInfoData buf;
	List	   *texts = NIL;
	ListCell   *lc;

	foreach(lc, code->functions)
		texts = lappend(texts, tpg_version_text_of_function(lfirst_oid(lc)));
	list_sort(texts, compare_texts);
	initStringInfo(&buf);
	appendStringInfoString(&buf, definitions);
	foreach(lc, texts)
		appendStringInfo(&buf, "\n%s", (char *) lfirst(lc));
	return tpg_version_name(buf.data);
}

/*
 * What the copies reach and the originals don't have for it: what lies outside of their schema,
 * or a copy that a call finds now where it found something else, since it lay in no schema of
 * the path before, such as a handler's.  A list of TpgReached.
 */
static List *
verify(const Code *code, const char *version, Oid schema)
{
	List	   *copies = NIL;
	List	   *called = NIL;
	List	   *bound = NIL;
	TpgCheck   *check;
	ListCell   *lc;

	foreach(lc, code->roots)
		copies = lappend_oid(copies, tpg_version_copy_of(version, lfirst_oid(lc)));
	foreach(lc, code->called)
		called = lappend_oid(called, tpg_version_copy_of(version, lfirst_oid(lc)));
	check = look(code, copies, version);
	foreach(lc, check->reached)
	{
		TpgReached *r = lfirst(lc);

		if (!OidIsValid(r->function) || !is_of_user(r->function))
			continue;
		r->is_copy = get_func_namespace(r->function) == schema;
		if (!r->is_copy || !list_member_oid(called, r->function))
			bound = lappend(bound, r);
	}
	return bound;
}

static char *
reason_of(const TpgReached *r)
{
	if (!OidIsValid(r->function))
		return pstrdup(r->why);
	if (r->is_copy)
		return psprintf("it would call %s, which lies in a schema that its search_path does not have, in place of what it calls now",
						get_func_name(r->function));
	return psprintf(r->by_name ? "it calls %s by its schema" :
					"it is bound to %s otherwise than by its name alone (a default, an operator, a cast, BEGIN ATOMIC, a name in a text)",
					shown(r->function));
}

/* "line 3 of f(): it calls app.g(integer) by its schema" and so on */
static char *
listed(const List *reached)
{
	StringInfoData buf;
	int			n = 0;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, reached)
	{
		const TpgReached *r = lfirst(lc);

		if (++n > MAX_LISTED)
			continue;
		if (r->line > 0)
			appendStringInfo(&buf, "%s %d of %s: %s", n > 1 ? "; line" : "Line", r->line, r->caller, reason_of(r));
		else
			appendStringInfo(&buf, "%s%s: %s", n > 1 ? "; " : "", r->caller, reason_of(r));
	}
	if (n > MAX_LISTED)
		appendStringInfo(&buf, "; and %d more", n - MAX_LISTED);
	appendStringInfoChar(&buf, '.');
	return buf.data;
}

void
tpg_pin_workflow(int32 namespace_id, const char *workflow_type)
{
	TpgDefinition *def = tpg_definition_lookup(namespace_id, TPG_DEF_WORKFLOW, workflow_type, false);
	Code		code = {.def = def,.owner = def->owner,.what = psprintf("workflow type \"%s\"", workflow_type)};
	TpgHandlerInfo *handlers;
	int			nhandlers;
	char	   *version;
	Oid			schema;
	List	   *bound;

	if (strcmp(def->versioning_behavior, "pinned") != 0 || !OidIsValid(def->function))
		return;
	code.roots = list_make1_oid(def->function);
	handlers = tpg_handler_list(namespace_id, workflow_type, &nhandlers);
	for (int i = 0; i < nhandlers; i++)
	{
		if (OidIsValid(handlers[i].function))
			code.roots = list_append_unique_oid(code.roots, handlers[i].function);
	}
	gather(&code);
	version = name_of(&code, tpg_version_of_definitions(namespace_id, workflow_type));

	/* it may be there from before, and about to be dropped */
	tpg_version_keep(version);
	schema = tpg_version_schema_make(version, code.owner, code.functions, code.what);
	bound = verify(&code, version, schema);
	if (bound != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
				 errmsg("%s cannot be pinned", code.what),
				 errdetail_internal("%s", listed(bound)),
				 errhint("A pinned run would see changes of these functions. Call them by their names alone, found by the search_path; see temporal.check_workflow().")));
	if (code.unseen != NIL)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("pinned runs of %s may call functions that are not kept", code.what),
				 errdetail_internal("%s", listed(code.unseen)),
				 errhint("A function that is called there alone is called as it is then.")));
	if (tpg_version_put(version, namespace_id, workflow_type, code.functions))
		ereport(NOTICE,
				(errmsg("%s has a new version: \"%s\"", code.what, version),
				 errdetail_plural("It keeps a copy of %d function.", "It keeps copies of %d functions.",
								  list_length(code.functions), list_length(code.functions))));
	tpg_version_register(version, namespace_id, workflow_type);
}

/* ---------- as findings ---------- */

static List *
add_finding(List *findings, TpgSeverity severity, const char *function, int line, const char *reason)
{
	TpgFinding *f = palloc0(sizeof(TpgFinding));

	f->severity = severity;
	f->function = pstrdup(function);
	f->line = line;
	f->reason = reason;
	return lappend(findings, f);
}

static List *
try_version(Code *code)
{
	List	   *findings = NIL;
	char	   *version;
	Oid			schema;
	ListCell   *lc;

	gather(code);
	version = name_of(code, code->what);
	schema = tpg_version_schema_make(version, code->owner, code->functions, code->what);
	foreach(lc, verify(code, version, schema))
	{
		const TpgReached *r = lfirst(lc);

		findings = add_finding(findings, TPG_SEVERITY_ERROR, r->caller, r->line,
							   psprintf("%s, so that a pinned run would see changes of it", reason_of(r)));
	}
	foreach(lc, code->unseen)
	{
		const TpgReached *r = lfirst(lc);

		findings = add_finding(findings, TPG_SEVERITY_WARNING, r->caller, r->line,
							   psprintf("%s: functions that are called there alone are not kept for pinned runs", r->why));
	}
	return findings;
}

List *
tpg_pin_findings(Oid function)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	Code		code = {.owner = tpg_function_owner(function),.roots = list_make1_oid(function)};
	List	   *volatile findings = NIL;

	code.what = psprintf("function %s", shown(function));

	/*
	 * Code is analysed as its owner, here under the search_path of the session, which says what
	 * its names mean: a literal of a type with a domain in it calls the domain's CHECK.
	 */
	if (!is_member_of_role(GetUserId(), code.owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to pin %s", code.what),
				 errdetail("It belongs to \"%s\", as whom it is looked at.", GetUserNameFromId(code.owner, false)),
				 errhint("Members of that role can, who could also register it.")));
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		findings = try_version(&code);
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		MemoryContextSwitchTo(context);
		edata = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		CurrentResourceOwner = owner;
		if (ERRCODE_TO_CATEGORY(edata->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
			ReThrowError(edata);
		findings = add_finding(NIL, TPG_SEVERITY_ERROR, format_procedure(function), 0,
							   psprintf("it cannot be pinned: %s", edata->detail ? edata->detail : edata->message));
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return findings;
}
