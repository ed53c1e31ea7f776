# shellcheck shell=bash
# W3: one workflow that starts 1,000 activities at once and waits for all.

w3_fan() {
	local polls since
	fresh bench_w3
	value "SELECT temporal.start_workflow('fan', '50')" >/dev/null
	wait_closed >/dev/null
	since=$(value 'SELECT clock_timestamp()')
	value "SELECT temporal.start_workflow('fan', '1000', id => 'fan')" >/dev/null
	read -r figure polls < <(wait_closed "$since")
	also activities_per_second "$(calc "round(1000 / $figure)")"
}

repeat w3 "fan-out of 1,000 activities" "s" time "" w3_fan
