/*-------------------------------------------------------------------------
 * runtime/blocked.c - where the code of a run stands, in words.
 *
 * What explain() and the query __stack_trace show of an activation whose code
 * has been unwound.  Only looks; results in the current memory context.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/timestamp.h"

#include "base/json.h"
#include "runtime/await.h"
#include "runtime/blocked.h"
#include "runtime/ops.h"

const char *
tpg_fiber_title(const TpgFiber *f)
{
	switch (f->kind)
	{
		case TPG_FIBER_RUN:
			return "run";
		case TPG_FIBER_SIGNAL:
			return psprintf("signal %s", f->name);
		case TPG_FIBER_UPDATE:
			/* several of one name are told apart */
			return psprintf("update %s (%s)", f->name, f->update->id);
		case TPG_FIBER_SPAWN:
			return psprintf("spawned %s", f->name);
	}
	return f->name;
}

const char *
tpg_op_title(const TpgOp *op)
{
	switch (op->kind)
	{
		case TPG_OP_ACTIVITY:
			return psprintf("activity %s #%s", op->type, op->id);
		case TPG_OP_LOCAL_ACTIVITY:
			return psprintf("local activity %s #%s", op->type, op->id);
		case TPG_OP_TIMER:
			return psprintf("timer #%s", op->id);
		case TPG_OP_SIGNAL:
			return psprintf("signal %s", op->type);
		case TPG_OP_CONDITION:
			return op->args ? psprintf("condition %s, args %s", op->type, tpg_json_to_text(op->args)) : psprintf("condition %s", op->type);
		case TPG_OP_LOCK:
			return psprintf("lock %s", op->type);
		case TPG_OP_FIBER:
			return psprintf("function %s", op->type);
		case TPG_OP_EXTERNAL:
			return op->type ? psprintf("signal %s to workflow %s", op->type, op->id) : psprintf("cancellation of workflow %s", op->id);
		case TPG_OP_SHIELD:
			return tpg_op_title(op->inner);
		case TPG_OP_CHILD:
			return psprintf("child workflow %s %s", op->type, op->id);
		case TPG_OP_CHILD_START:
			return psprintf("start of child workflow %s %s", op->type, op->id);
		case TPG_OP_KINDS:
			break;
	}
	return "";
}

#define PLPGSQL_PREFIX "PL/pgSQL function "
#define C_PREFIX "C code "	/* of api/capi_call */

/* Not "PL/pgSQL expression ..." or "PL/pgSQL assignment ...": what stands in the function whose line follows. */
static bool
is_function_of_language(const char *line)
{
	return strncmp(line, "PL/", 3) == 0 &&
		strncmp(line, "PL/pgSQL expression ", 20) != 0 && strncmp(line, "PL/pgSQL assignment ", 20) != 0;
}

static char *
line_of_context(const char *line)
{
	const char *end = strchr(line, '\n');

	if (strncmp(line, PLPGSQL_PREFIX, strlen(PLPGSQL_PREFIX)) == 0)
		line += strlen(PLPGSQL_PREFIX);
	return end ? pnstrdup(line, end - line) : pstrdup(line);
}

char *
tpg_blocked_location(const char *context)
{
	const char *line = context;
	const char *innermost = NULL;
	const char *outermost = NULL;

	while (line != NULL && *line != '\0')
	{
		if (is_function_of_language(line) || strncmp(line, C_PREFIX, strlen(C_PREFIX)) == 0 || strncmp(line, "SQL function", 12) == 0)
		{
			if (innermost == NULL)
				innermost = line;
			outermost = line;
		}
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	if (innermost == NULL)
		return NULL;
	if (innermost == outermost)
		return line_of_context(innermost);
	return psprintf("%s, called by %s", line_of_context(innermost), line_of_context(outermost));
}

char *
tpg_blocked_stack_trace(const TpgActivation *act)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < act->nfibers; i++)
	{
		const TpgFiber *f = act->fibers[i];
		const TpgOp *timeout = tpg_wait_timeout(f);
		const char *separator = " for ";

		if (f->finished)
			continue;
		appendStringInfo(&buf, "%s%s", buf.len > 0 ? "\n" : "", tpg_fiber_title(f));
		if (f->where == NULL)
		{
			appendStringInfoString(&buf, ", not begun\n");
			continue;
		}
		appendStringInfo(&buf, ", waiting in %s", f->waits_how);
		for (int j = 0; j < f->nwaits_for; j++)
		{
			if (tpg_op_done(f->waits_for[j]))
				continue;
			appendStringInfo(&buf, "%s%s", separator, tpg_op_title(f->waits_for[j]));
			separator = ", ";
		}
		if (timeout != NULL)
			appendStringInfo(&buf, ", at most until %s", tpg_op_title(timeout));
		appendStringInfo(&buf, ", since %s:\n%s\n", timestamptz_to_str(f->since), f->where);
	}
	return buf.data;
}
