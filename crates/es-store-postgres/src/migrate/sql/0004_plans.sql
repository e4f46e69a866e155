-- Sessions keep the plans of these functions. One that was made while the tables were tiny goes
-- through all of the events, also when there are millions by now, until the server looks at the
-- table again. What has no other way than through a whole table, the one row of {es}log, seems so
-- dear for this rule that the server would compile the plan.
ALTER FUNCTION {es}append_one SET enable_seqscan = off;
ALTER FUNCTION {es}append_one SET jit = off;
ALTER FUNCTION {es}append SET enable_seqscan = off;
ALTER FUNCTION {es}append SET jit = off;
