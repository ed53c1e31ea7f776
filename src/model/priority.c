/*-------------------------------------------------------------------------
 * model/priority.c - the priority of runs and activities.
 *
 * Pure; results are palloc'd in the current memory context.  Rules: reference A-48.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "base/json.h"
#include "model/priority.h"

TpgPriority
tpg_priority_from_jsonb(const Jsonb *value)
{
	TpgPriority p = {0, NULL, 0};

	if (value == NULL)
		return p;
	p.key = (int) tpg_json_get_int(value, "priorityKey", 0);
	p.fairness_key = tpg_json_get_text(value, "fairnessKey");
	p.fairness_weight = tpg_json_get_float(value, "fairnessWeight", 0);
	return p;
}

Jsonb *
tpg_priority_to_jsonb(const TpgPriority *p)
{
	TpgJson    *b;

	if (p->key == 0 && p->fairness_key == NULL && p->fairness_weight == 0)
		return NULL;
	b = tpg_json_object();
	if (p->key > 0)
		tpg_json_add_int(b, "priorityKey", p->key);
	tpg_json_add_text(b, "fairnessKey", p->fairness_key);
	if (p->fairness_weight > 0)
		tpg_json_add_float(b, "fairnessWeight", p->fairness_weight);
	return tpg_json_finish(b);
}

TpgPriority
tpg_priority_inherit(const TpgPriority *own, const TpgPriority *from)
{
	TpgPriority p = *own;

	if (p.key == 0)
		p.key = from->key;
	if (p.fairness_key == NULL)
		p.fairness_key = from->fairness_key;
	if (p.fairness_weight == 0)
		p.fairness_weight = from->fairness_weight;
	return p;
}

double
tpg_fairness_weight_arg(double weight)
{
	if (isnan(weight) || isinf(weight) || weight <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fairness_weight must be a positive number"),
				 errdetail("It is %g.", weight),
				 errhint("1 is the default; with 2 a key has twice as many turns.")));
	return Min(Max(weight, TPG_FAIRNESS_WEIGHT_MIN), TPG_FAIRNESS_WEIGHT_MAX);
}

void
tpg_priority_check(const TpgPriority *p)
{
	if (p->key != 0 && (p->key < 1 || p->key > TPG_PRIORITY_MAX))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("priority_key must be between 1 and 5"),
				 errdetail("It is %d.", p->key),
				 errhint("1 goes first; 3 is the default.")));
	if (p->fairness_key != NULL && (p->fairness_key[0] == '\0' || strlen(p->fairness_key) > TPG_FAIRNESS_KEY_MAX))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fairness_key must have 1 to %d bytes", TPG_FAIRNESS_KEY_MAX),
				 errdetail("It has %d.", (int) strlen(p->fairness_key))));
}
