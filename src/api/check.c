/*-------------------------------------------------------------------------
 *
 * check.c
 *	  temporal.check_workflow(): the static check of a function, as rows.
 *
 * What it promises is in its COMMENT in sql/again/10_definitions.sql.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "api/client.h"
#include "runtime/check.h"
#include "runtime/pin.h"
#include "store/function.h"

PG_FUNCTION_INFO_V1(tpg_sql_check_workflow);

static const char *
severity_word(TpgSeverity severity)
{
	switch (severity)
	{
		case TPG_SEVERITY_ERROR:
			return "error";
		case TPG_SEVERITY_WARNING:
			return "warning";
		case TPG_SEVERITY_NOTE:
			return "note";
	}
	return NULL;
}

static Datum
text_or_null(const char *text, bool *isnull)
{
	*isnull = text == NULL;
	return text ? CStringGetTextDatum(text) : (Datum) 0;
}

Datum
tpg_sql_check_workflow(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *function;
	char	   *behavior = PG_ARGISNULL(1) ? "auto_upgrade" : text_to_cstring(PG_GETARG_TEXT_PP(1));
	Oid			oid;
	List	   *findings;
	ListCell   *lc;

	tpg_not_in_workflow("check_workflow", "Call it before the code is registered.");
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("function must not be null")));
	function = text_to_cstring(PG_GETARG_TEXT_PP(0));
	if (function[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("function must not be empty")));
	if (strcmp(behavior, "auto_upgrade") != 0 && strcmp(behavior, "pinned") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid versioning_behavior: \"%s\"", behavior),
				 errhint("Possible are auto_upgrade and pinned.")));
	/* copies are made and undone */
	if (strcmp(behavior, "pinned") == 0)
		PreventCommandIfReadOnly("temporal.check_workflow(versioning_behavior => 'pinned')");
	oid = tpg_function_by_text(function);
	findings = tpg_check_function(oid)->findings;
	if (strcmp(behavior, "pinned") == 0)
		findings = list_concat(findings, tpg_pin_findings(oid));
	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, findings)
	{
		const TpgFinding *f = lfirst(lc);
		Datum		values[6];
		bool		nulls[6] = {false};

		values[0] = CStringGetTextDatum(f->function);
		values[1] = Int32GetDatum(f->line);
		nulls[1] = f->line <= 0;
		values[2] = text_or_null(f->expression, &nulls[2]);
		values[3] = CStringGetTextDatum(severity_word(f->severity));
		values[4] = CStringGetTextDatum(f->reason);
		values[5] = text_or_null(f->instead, &nulls[5]);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
