/*-------------------------------------------------------------------------
 * runtime/guard.c - the determinism guard: what workflow code must not do while it runs.
 *
 * The static check (runtime/check) finds what stands in the code; this net
 * catches what gets by it: dynamic SQL, code of other languages, functions that
 * have changed.  It is PostgreSQL that says what is called: functions when an
 * expression is made ready, tables when a query starts, the clock's own
 * syntax (CURRENT_DATE, 'now') when a query is analysed, commands when they are
 * executed.  So a call that stands in a branch which is not taken counts too.
 * A function whose body the planner puts in its place, or whose body was prepared
 * before by an activity, does not show that syntax any more: of functions that
 * an analysed query calls and that can be looked into, the static check tells.
 *
 * The hooks do nothing but where an activation is under way and guarded; nor
 * for the store floor's statements, which run in an owner scope.  A side effect
 * and an activity in place are taken out by their callers.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/analyze.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "base/errors.h"
#include "base/guc.h"
#include "engine/testenv.h"
#include "ipc/slots.h"
#include "runtime/checkquery.h"
#include "runtime/guard.h"
#include "runtime/judge.h"
#include "runtime/pinned.h"
#include "runtime/verdict.h"
#include "store/extension.h"

static object_access_hook_type prev_object_access = NULL;
static ExecutorCheckPerms_hook_type prev_check_perms = NULL;
static ProcessUtility_hook_type prev_process_utility = NULL;
static post_parse_analyze_hook_type prev_post_parse_analyze = NULL;

static inline bool
is_watching(void)
{
	return unlikely(tpg_current_activation != NULL) && tpg_current_activation->guarded &&
		tpg_guc_determinism != TPG_DETERMINISM_OFF && !tpg_in_owner_scope();
}

static void
complain(char *message, char *detail, char *hint)
{
	TpgActivation *act = tpg_current_activation;

	if (tpg_guc_determinism == TPG_DETERMINISM_ERROR)
	{
		/* in a query or a validator the error is the caller's */
		if (!act->read_only)
			tpg_activation_fatal(act, TPG_ERR_DETERMINISM_VIOLATION, message, detail, hint);
		ereport(ERROR,
				(errcode(TPG_ERR_DETERMINISM_VIOLATION),
				 errmsg_internal("%s", message),
				 detail ? errdetail_internal("%s", detail) : 0,
				 hint ? errhint("%s", hint) : 0));
	}
	if (act->warned || !tpg_activation_is_live(act))
		return;
	act->warned = true;
	ereport(WARNING,
			(errcode(TPG_ERR_DETERMINISM_VIOLATION),
			 errmsg_internal("%s", message),
			 detail ? errdetail_internal("%s", detail) : 0,
			 hint ? errhint("%s", hint) : 0));
}

static void
violation(const char *reason, const char *instead)
{
	complain(psprintf("workflow code is not deterministic: %s", reason), "A replay would see something else.",
			 instead ? psprintf("Use %s instead.", instead) : NULL);
}

/* ---------- the hooks ---------- */

static void
object_access(ObjectAccessType access, Oid class, Oid object, int subid, void *arg)
{
	if (prev_object_access)
		prev_object_access(access, class, object, subid, arg);
	if (access != OAT_FUNCTION_EXECUTE || !is_watching() || tpg_judge_quickly(object) != TPG_JUDGED_BAD)
		return;
	/* a workflow in C is volatile by itself */
	if (object != tpg_current_activation->invoked)
	{
		TpgJudgement j = tpg_judge(object);

		violation(psprintf("%s() %s", get_func_name(object), j.why), j.instead);
	}
}

static bool
check_perms(TPG_CHECK_PERMS_ARGS)
{
	if (is_watching())
	{
		Oid			table = tpg_first_table(TPG_CHECK_PERMS_PASS);

		if (OidIsValid(table))
			violation(psprintf("it uses table %s",
							   quote_qualified_identifier(get_namespace_name(get_rel_namespace(table)), get_rel_name(table))),
					  "temporal.side_effect('SELECT …'), or an activity");
	}
	return prev_check_perms ? prev_check_perms(TPG_CHECK_PERMS_PASS) : true;
}

/* The static check of code in sessions is left out: they may run it once. */
static inline bool
checks_statically(void)
{
	return tpg_in_executor() || tpg_testenv_active();
}

static bool
is_in_sql(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool		is;

	if (!HeapTupleIsValid(tuple))
		return false;
	is = ((Form_pg_proc) GETSTRUCT(tuple))->prolang == SQLlanguageId;
	ReleaseSysCache(tuple);
	return is;
}

/* Of a function that a query calls, and that the check of the run's function has not seen. */
static void
look_inside(Oid function, Node *node)
{
	TpgActivation *act = tpg_current_activation;
	TpgVerdict *volatile v;

	/* the check analyses what it finds */
	act->guarded = false;
	PG_TRY();
	{
		if (OidIsValid(act->invoked) && tpg_verdict_covers(act->invoked, function))
			v = NULL;
		else if (IsA(node, FuncExpr))
			v = tpg_verdict_of_call((FuncExpr *) node);
		else
			v = tpg_verdict(function);
	}
	PG_FINALLY();
	{
		act->guarded = true;
	}
	PG_END_TRY();
	if (v != NULL && !v->deterministic)
		complain(v->message, v->detail, v->hint);
}

static bool
find_function(Oid function, void *node)
{
	switch (tpg_judge_quickly(function))
	{
		case TPG_JUDGED_LOOK_INSIDE:
			if (checks_statically())
				look_inside(function, node);
			break;
		case TPG_JUDGED_BAD:

			/* age(timestamptz): PostgreSQL's own in SQL are put in their place as well */
			if (is_in_sql(function))
			{
				TpgJudgement j = tpg_judge(function);

				violation(psprintf("%s() %s", get_func_name(function), j.why), j.instead);
			}
			break;
		default:
			break;
	}
	return false;
}

static bool
find_clock(Node *node, void *source)
{
	const char *instead;
	const char *reason;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, find_clock, source, 0);
	reason = tpg_check_clock_node(node, source, &instead);
	if (reason != NULL)
		violation(reason, instead);
	(void) check_functions_in_node(node, find_function, node);
	if (IsA(node, CoerceToDomain))
	{
		List	   *checks = tpg_check_domain_expressions(((CoerceToDomain *) node)->resulttype);
		ListCell   *lc;

		foreach(lc, checks)
			(void) find_clock(lfirst(lc), NULL);
	}
	return expression_tree_walker(node, find_clock, source);
}

static void
post_parse_analyze(ParseState *pstate, Query *query, JumbleState *jstate)
{
	if (prev_post_parse_analyze)
		prev_post_parse_analyze(pstate, query, jstate);
	/* whatever the guard is told: it is not the code that has changed */
	if (unlikely(tpg_current_activation != NULL) && tpg_current_activation->guarded && !tpg_in_owner_scope())
		tpg_pinned_look(tpg_current_activation, query);
	if (is_watching())
		(void) find_clock((Node *) query, unconstify(char *, pstate->p_sourcetext));
}

/* Commands that a read-only transaction lets pass, and that reach beyond it. */
static bool
is_for_activities(const Node *command)
{
	switch (nodeTag(command))
	{
		case T_VariableSetStmt:
		case T_VariableShowStmt:
		case T_NotifyStmt:
		case T_ListenStmt:
		case T_UnlistenStmt:
		case T_LockStmt:
		case T_LoadStmt:
		case T_DiscardStmt:
		case T_CopyStmt:
		case T_ExplainStmt:
		case T_ConstraintsSetStmt:
		case T_CheckPointStmt:
			return true;
		default:
			return false;
	}
}

static void
process_utility(PlannedStmt *pstmt, const char *query, bool read_only_tree, ProcessUtilityContext context,
				ParamListInfo params, QueryEnvironment *environment, DestReceiver *dest, QueryCompletion *qc)
{
	if (is_watching() && is_for_activities(pstmt->utilityStmt))
		violation(psprintf("%s is no statement for it", GetCommandTagName(CreateCommandTag(pstmt->utilityStmt))), "an activity");
	if (prev_process_utility)
		prev_process_utility(pstmt, query, read_only_tree, context, params, environment, dest, qc);
	else
		standard_ProcessUtility(pstmt, query, read_only_tree, context, params, environment, dest, qc);
}

void
tpg_guard_init(void)
{
	prev_object_access = object_access_hook;
	object_access_hook = object_access;
	prev_check_perms = ExecutorCheckPerms_hook;
	ExecutorCheckPerms_hook = check_perms;
	prev_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
	prev_post_parse_analyze = post_parse_analyze_hook;
	post_parse_analyze_hook = post_parse_analyze;
}

/* ---------- the code begins ---------- */

void
tpg_guard_enter(TpgActivation *act, const TpgDefinition *def)
{
	act->invoked = def->function;
	tpg_pinned_enter(act);

	/* not in sessions, which may run it once: there the net is enough */
	if (tpg_guc_determinism != TPG_DETERMINISM_OFF && OidIsValid(def->function) && checks_statically())
	{
		TpgVerdict *v;

		/* the check analyses what it finds */
		act->guarded = false;
		v = tpg_verdict(def->function);
		if (!v->deterministic && (tpg_guc_determinism == TPG_DETERMINISM_ERROR || !v->told))
		{
			v->told = tpg_activation_is_live(act);
			complain(v->message, v->detail, v->hint);
		}
	}
	act->guarded = true;
}
