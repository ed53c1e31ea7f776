// A worker for external activities of temporal_pg, on node-postgres: npm install, npm start.
// Connection: PGHOST, PGDATABASE ... as for psql. QUEUE (default), MAX_TASKS (10).
import { hostname } from 'node:os';
import pg from 'pg';
// By activity type: (input, task) => result. What is thrown fails the attempt; task.details goes out as heartbeat.
const activities = {
	echo: async (input) => input,
	count: async (input, task) => {
		for (task.details ??= 0; task.details < input && !task.stop; task.details++) await sleep(100);
		return task.details;
	},
};
const { QUEUE = 'default', MAX_TASKS = 10 } = process.env;
const identity = `${process.pid}@${hostname()}`;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const reports = new pg.Pool({ max: 4 }).on('error', () => {});
const running = new Set();
let poller, stopping = false;
const stop = () => { stopping = true; poller?.connection.stream.destroy(); };
process.on('SIGTERM', stop).on('SIGINT', stop);

// Until the server has answered. null: the attempt is not ours any more.
async function report(name, token, payload = null) {
	for (let delay = 100; ; delay = Math.min(delay * 2, 5000)) {
		try {
			return (await reports.query(`SELECT * FROM temporal.${name}($1, $2)`, [token, JSON.stringify(payload)])).rows[0];
		} catch (e) {
			if (e.code === 'TP013') return null;
			if (e.code && !/^(08|40|53|55|57|58|E)/.test(e.code)) throw e;
			await sleep(delay);
		}
	}
}

async function run(task) {
	const seconds = (task.heartbeat_timeout ?? '').split(':').reduce((s, part) => s * 60 + Number(part), 0);
	task.details = task.heartbeat_details;
	const beat = async () => { // what is wanted of the attempt; null: it is lost
		task.told = await report('record_activity_heartbeat', task.task_token, task.details).catch(() => task.told);
		task.stop ||= task.told === null || Object.values(task.told ?? {}).includes(true);
	};
	const timer = seconds && setInterval(beat, seconds * 500);
	try {
		if (!activities[task.activity_type]) throw new Error('this worker has no such activity');
		const result = await activities[task.activity_type](task.input, task);
		if (task.told?.cancel_requested) await report('report_activity_cancelled', task.task_token);
		else if (task.stop && task.told) { // paused or reset: with the details to the next attempt
			await beat();
			await report('fail_activity', task.task_token, { type: task.told?.activity_paused ? 'ActivityPaused' : 'ActivityReset', message: 'handed back' });
		} else await report('complete_activity', task.task_token, result);
	} catch (e) {
		await report('fail_activity', task.task_token, { type: e.name, message: e.message }).catch(console.error);
	} finally { clearInterval(timer); }
}

while (!stopping) {
	try {
		poller = new pg.Client().on('error', () => {});
		await poller.connect();
		for (; !stopping; running.size < MAX_TASKS || await Promise.race(running)) { // a place first, then a task
			const r = await poller.query('CALL temporal.poll_activity_tasks($1, $2, $3, $4)', [QUEUE, identity, '60 s', MAX_TASKS - running.size]);
			for (const task of r.rows[0].tasks) { const p = run(task).finally(() => running.delete(p)); running.add(p); }
		}
	} catch (e) { if (!stopping) { console.error(e.message); await sleep(500 + Math.random() * 500); } }
}
await Promise.all(running).then(() => reports.end()); // a task that was given out as the poll ended times out
