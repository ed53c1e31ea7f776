/*-------------------------------------------------------------------------
 * runtime/state.c - what the functions of one run share: state().
 *
 * An object in memory, rebuilt by every replay, above the code's
 * subtransactions: an EXCEPTION block does not undo it.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "base/json.h"
#include "runtime/state.h"

struct TpgStateEntry
{
	char	   *key;
	Jsonb	   *value;
};

static struct TpgStateEntry *
find_entry(TpgActivation *act, const char *key)
{
	for (int i = 0; i < act->nstate; i++)
		if (strcmp(act->state[i].key, key) == 0)
			return &act->state[i];
	return NULL;
}

Jsonb *
tpg_state_all(TpgActivation *act)
{
	TpgJson    *b = tpg_json_object();

	for (int i = 0; i < act->nstate; i++)
		tpg_json_add_jsonb(b, act->state[i].key, act->state[i].value);
	return tpg_json_finish(b);
}

Jsonb *
tpg_state_get(TpgActivation *act, const char *key)
{
	struct TpgStateEntry *e = find_entry(act, key);

	return e ? e->value : NULL;
}

void
tpg_state_set(TpgActivation *act, const char *key, const Jsonb *value)
{
	MemoryContext old = MemoryContextSwitchTo(act->context);
	struct TpgStateEntry *e = find_entry(act, key);

	if (e == NULL)
	{
		if (act->nstate == act->maxstate)
		{
			act->maxstate = Max(act->maxstate * 2, 8);
			if (act->state == NULL)
				act->state = palloc(sizeof(struct TpgStateEntry) * act->maxstate);
			else
				act->state = repalloc(act->state, sizeof(struct TpgStateEntry) * act->maxstate);
		}
		e = &act->state[act->nstate++];
		e->key = pstrdup(key);
	}
	else
		pfree(e->value);
	e->value = tpg_json_copy(value);
	MemoryContextSwitchTo(old);
}

void
tpg_state_delete(TpgActivation *act, const char *key)
{
	struct TpgStateEntry *e = find_entry(act, key);

	if (e != NULL)
		*e = act->state[--act->nstate];
}

void
tpg_state_replace(TpgActivation *act, const Jsonb *object)
{
	JsonbIterator *it = JsonbIteratorInit((JsonbContainer *) &object->root);
	JsonbValue	v;
	JsonbIteratorToken token;
	char	   *key = NULL;

	act->nstate = 0;
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = pnstrdup(v.val.string.val, v.val.string.len);
		else if (token == WJB_VALUE)
			tpg_state_set(act, key, tpg_json_value_to_jsonb(&v));
	}
}
