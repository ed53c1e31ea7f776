/*-------------------------------------------------------------------------
 * model/priority.h - the priority of runs and activities.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_MODEL_PRIORITY_H
#define TPG_MODEL_PRIORITY_H

#include "utils/jsonb.h"

#define TPG_PRIORITY_DEFAULT 3
#define TPG_PRIORITY_MAX 5
#define TPG_FAIRNESS_KEY_MAX 64
#define TPG_FAIRNESS_WEIGHT_MIN 0.001
#define TPG_FAIRNESS_WEIGHT_MAX 1000.0

/* Temporal's message Priority; what is not given is 0, NULL, 0. */
typedef struct TpgPriority
{
	int			key;			/* 1 (first) to 5 */
	char	   *fairness_key;
	double		fairness_weight;
} TpgPriority;

/* The object {priorityKey, fairnessKey, fairnessWeight}; NULL gives what is not given. */
extern TpgPriority tpg_priority_from_jsonb(const Jsonb *value);

/* NULL when nothing is given. */
extern Jsonb *tpg_priority_to_jsonb(const TpgPriority *priority);

/* What is not given is inherited, field by field. */
extern TpgPriority tpg_priority_inherit(const TpgPriority *own, const TpgPriority *from);

/* 1 to 5 */
static inline int
tpg_priority_effective(const TpgPriority *p)
{
	return p->key >= 1 && p->key <= TPG_PRIORITY_MAX ? p->key : TPG_PRIORITY_DEFAULT;
}

/* An argument that was given: clamped; 22023 unless it is positive. */
extern double tpg_fairness_weight_arg(double weight);

/* 22023 for what is out of range. */
extern void tpg_priority_check(const TpgPriority *priority);

#endif							/* TPG_MODEL_PRIORITY_H */
