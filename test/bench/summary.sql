-- The table at the end, of the lines in :lines.
\pset tuples_only off
\pset format aligned
\pset footer off
SELECT l ->> 'workload' AS " ", l ->> 'what' AS what, l ->> 'figure' AS figure, l ->> 'unit' AS unit,
	l ->> 'baseline_tps' AS "inserts/s", l ->> 'ratio' AS ratio, l ->> 'target' AS target
FROM json_array_elements(:'lines'::json) WITH ORDINALITY AS t(l, n)
ORDER BY n;
SELECT l ->> 'what' AS "more of", m.key, m.value
FROM json_array_elements(:'lines'::json) WITH ORDINALITY AS t(l, n),
	json_each_text(l) WITH ORDINALITY AS m(key, value, k)
WHERE m.key NOT IN ('workload', 'what', 'figure', 'unit', 'baseline_tps', 'ratio', 'target', 'reps')
ORDER BY n, k;
