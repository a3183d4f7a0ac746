# SPDX-License-Identifier: MIT
"""Lua jobs: scripts in a real daemon, by gorctl and by gRPC."""

import json
import os
import re
import tempfile

import gor_e2e as e2e
import gorctl_e2e as ctl

if e2e.grpc:
    import grpc

BUSY = "while true do end"
STUBBORN = "while true do pcall(function() while true do end end) end"


class LuaTest(ctl.GorctlTest):
    def lua(self, text, *args, spec=None, **fields):
        """Submit; its id."""
        message = self.client.message("LuaSpec", script=text.encode(),
                                      args=[str(a) for a in args], **fields)
        return self.client.submit(self.client.message("JobSpec", lua=message, **spec or {}))

    def run_lua(self, text, *args, **fields):
        """Its end and its stdout."""
        job_id = self.lua(text, *args, **fields)
        job = self.client.wait(job_id)
        return job, self.client.logs(job_id, 1).decode()


class Life(LuaTest):
    options = ("--grace", "200ms")

    def test_output_is_told_as_it_comes_to_those_who_followed_before(self):
        self.client.jobs("Pause")
        job_id = self.lua("print('begun') sleep(1000)")
        log = self.client.jobs("Logs", id=job_id, follow=True)
        # The daemon has the call once it answers what was asked behind it.
        self.client.runtime("Stats")
        self.client.jobs("Resume")
        self.assertEqual(next(log).data, b"begun\n")
        self.assertNotEqual(self.client.get(job_id).state, e2e.TERMINATED)
        self.client.jobs("Cancel", ids=[job_id])
        self.assertEqual([chunk.data for chunk in log if chunk.stream == 1], [])

    def test_output_code_and_result(self):
        job, out = self.run_lua("print('hello', ...) log('on stderr') return 7", "a", "b c")
        self.assertEqual((job.outcome, job.exit_code, out), (e2e.FAILED, 7, "hello\ta\tb c\n"))
        self.assertEqual(self.client.logs(job.id, 2), b"on stderr\n")
        job, _ = self.run_lua("progress(3, 4, 'nearly') return 'what came out'")
        self.assertEqual((job.outcome, job.exit_code), (e2e.SUCCEEDED, 0))
        whole = self.client.jobs("Get", id=job.id, with_result=True).job
        self.assertEqual(whole.result, b"what came out")
        self.assertEqual((whole.progress.done, whole.progress.total, whole.progress.text),
                         (3, 4, "nearly"))
        job, _ = self.run_lua("result('early') progress(42.5) sleep(0.001)")
        whole = self.client.jobs("Get", id=job.id, with_result=True).job
        self.assertEqual(whole.result, b"early")
        self.assertEqual(whole.progress.done / whole.progress.total, 0.425)

    def test_error_is_in_history_and_log_with_its_traceback(self):
        job_id = self.lua("local function f()\n  error('out of cheese')\nend\nf()",
                          chunk_name="shop.lua")
        job = self.client.wait(job_id)
        self.assertEqual((job.outcome, job.exit_code), (e2e.FAILED, 1))
        self.assertIn("shop.lua:2: out of cheese", job.detail)
        self.assertIn("shop.lua:4: in main chunk", job.detail)
        last = self.client.events(job_id)[-1]
        self.assertEqual(last.detail, job.detail)
        log = self.client.logs(job_id, 3)
        self.assertIn(b"out of cheese", log)
        self.assertIn(b"shop.lua:2: in function f", log)

    def test_budgets_are_named(self):
        job, _ = self.run_lua("local t = {} for i = 1, 1e9 do t[i] = i end",
                              max_memory_bytes=4 << 20)
        self.assertEqual(job.outcome, e2e.FAILED)
        self.assertIn("not enough memory: the limit of 4 MiB (max_memory_bytes)", job.detail)
        job, _ = self.run_lua(STUBBORN, max_steps=1000000)
        self.assertEqual(job.outcome, e2e.FAILED)
        self.assertIn("the limit of 1000000 steps (max_steps)", job.detail)

    def test_cancel_and_timeout(self):
        for text in (BUSY, STUBBORN, "sleep(1000)", "chan():recv(1000)",
                     "spawn(function() sleep(1000) end):recv()", "while true do pcall(sleep, 1) end",
                     "while true do ('a'):rep(1000):find('.-.-.-.-b') end",
                     "job.wait(job.submit{argv = {'sleep', '1000'}})"):
            with self.subTest(text=text):
                job_id = self.lua(text)
                self.client.wait_state(job_id, e2e.RUNNING, e2e.WAITING)
                self.client.jobs("Cancel", ids=[job_id], cause="enough")
                job = self.client.wait(job_id)
                self.assertEqual((job.outcome, job.detail), (e2e.CANCELLED, "enough"))
                job, _ = self.run_lua(text, spec={"timeout_ns": e2e.SECOND // 20})
                self.assertEqual(job.outcome, e2e.TIMED_OUT)

    def test_cancelled_script_tidies_up(self):
        job_id = self.lua("print('begun') print(pcall(sleep, 1000)) print('tidied')")
        self.client.wait_state(job_id, e2e.WAITING)
        self.client.jobs("Cancel", ids=[job_id], cause="enough")
        job = self.client.wait(job_id)
        self.assertEqual(job.outcome, e2e.CANCELLED)
        self.assertEqual(self.client.logs(job_id, 1), b"begun\nfalse\tcancelled: enough\ntidied\n")

    def test_waiting_is_told_with_its_reason(self):
        job_id = self.lua("sleep(1000)")
        event = self.client.wait_state(job_id, e2e.WAITING)
        self.assertNotEqual(event.reason, "")
        self.client.jobs("Cancel", ids=[job_id])
        self.client.wait(job_id)

    def test_the_job_that_it_waits_for_is_told(self):
        job_id = self.lua("job.wait(job.submit{argv = {'sleep', '1000'}})")
        self.client.wait_state(job_id, e2e.WAITING)
        child = self.client.jobs("Tree", id=job_id).jobs[1].id
        self.assertEqual(self.client.get(job_id).reason, f"for job {child}")
        self.assertEqual(self.client.jobs("Why", id=job_id).text, f"for job {child}")
        self.client.jobs("PauseJobs", ids=[job_id])
        self.assertIn("paused by", self.client.get(job_id).reason)
        self.client.jobs("ResumeJobs", ids=[job_id])
        self.client.jobs("Cancel", ids=[job_id])
        self.client.wait(job_id)

    def test_nothing_leads_out(self):
        job, out = self.run_lua("print(io, require, package, dofile, loadfile, os.execute, os.exit, "
                                "os.getenv, os.remove, debug.sethook, string.dump)")
        self.assertEqual((job.outcome, out), (e2e.SUCCEEDED, "\t".join(["nil"] * 11) + "\n"))

    def test_names_of_values_are_no_addresses_of_the_daemon(self):
        job, out = self.run_lua("""
            print({}, print, chan(), coroutine.create(print), string.format('%p %p', {}, 'text'))
            print(pcall(job.submit, {[print] = 1}))
            print(pcall(error, {}))""")
        self.assertEqual(job.outcome, e2e.SUCCEEDED, job.detail)
        names = re.findall(r"0x[0-9a-f]+", out)
        self.assertEqual(len(names), 8, out)
        with open(f"/proc/{self.gord.process.pid}/maps", encoding="utf-8") as maps:
            ranges = [[int(end, 16) for end in line.split()[0].split("-")] for line in maps]
        self.assertEqual([n for n in names for begin, end in ranges if begin <= int(n, 16) < end],
                         [])
        job, _ = self.run_lua("error({})")
        self.assertRegex(job.detail, "table: 0x[0-9a-f]{16}")

    def test_thousand_at_once(self):
        lua = self.client.message("LuaSpec", script=b"pcall(sleep, 1000) return 0")
        specs = [self.client.message("JobSpec", lua=lua) for _ in range(1000)]
        first = self.client.jobs("SubmitMany", specs=specs).first_id
        ids = range(first, first + 1000)
        for job_id in ids:
            self.client.wait_state(job_id, e2e.WAITING)
        self.client.jobs("Cancel", ids=ids)
        jobs = self.client.wait(*ids)
        self.assertEqual({j.outcome for j in jobs}, {e2e.CANCELLED})
        self.assertLess(max(j.started_ns for j in jobs), min(j.finished_ns for j in jobs))

    def test_examples_of_the_manual_work(self):
        with open(os.path.join(e2e.SOURCE, "docs", "lua.md"), encoding="utf-8") as page:
            blocks = re.findall(r"```lua\n(.*?)```", page.read(), re.S)
        self.assertEqual(len(blocks), 2)
        job, out = self.run_lua(blocks[0])
        self.assertEqual((job.outcome, out), (e2e.SUCCEEDED, "338350\n"), job.detail)
        with tempfile.NamedTemporaryFile(dir="/var/tmp") as file:
            job, _ = self.run_lua(blocks[1].replace("/data", "/var/tmp").replace('"-9"', '"-9k"'),
                                  file.name)
            os.unlink(file.name + ".gz")
        self.assertEqual(job.outcome, e2e.SUCCEEDED, job.detail)

    def test_lists_leave_the_script_out(self):
        job_id = self.lua("return 0 -- " + "x" * 1000)
        self.client.wait(job_id)
        listed = self.client.jobs("List", without_env=True, limit=1).jobs[0]
        self.assertEqual((listed.id, listed.spec.lua.script), (job_id, b""))
        self.assertGreater(len(self.client.get(job_id).spec.lua.script), 1000)


class Below(LuaTest):
    """Jobs of jobs."""

    def test_submit_and_wait(self):
        job, out = self.run_lua("""
            local ids = {}
            for i = 1, 5 do
                ids[i] = job.submit{lua = "return args[1] * 2 .. '!'", args = {tostring(i)},
                                    name = 'child ' .. i, labels = {n = tostring(i)}}
            end
            for i = 1, 5 do print(job.wait(ids[i]).result) end
            print(job.wait(ids[1], 0).result)
            local r = job.wait(job.submit{argv = {'sh', '-c', 'echo $X; exit 3'},
                                          env = {X = 'x', PATH = '/bin:/usr/bin'}})
            print(r.outcome, r.exit_code, r.stdout_bytes)
            print(job.wait(job.submit{native = 'builtin.echo', args = {'a'}}).outcome)
            print(job.wait(job.submit{native = 'builtin.sleep', args = {'1000s'}}, 0.01))""")
        self.assertEqual(job.outcome, e2e.SUCCEEDED, job.detail)
        self.assertEqual(out, "2!\n4!\n6!\n8!\n10!\n2!\nfailed\t3\t2\nsucceeded\nnil\ttimeout\n")
        child = self.client.get(job.id + 1)
        self.assertEqual((child.spec.parent_id, child.spec.name, child.spec.labels["n"]),
                         (job.id, "child 1", "1"))
        # The one that still slept ends with its parent.
        self.assertEqual(self.client.wait(job.id + 8).outcome, e2e.CANCELLED)

    def test_what_is_refused_is_an_error(self):
        stranger = self.client.native("builtin.echo")
        job, out = self.run_lua(f"""
            local function try(...) print(select(2, pcall(...))) end
            try(job.submit, {{argv = {{}}}})
            try(job.submit, {{lua = 'x ='}})
            try(job.submit, {{argv = {{'true'}}, lua = ''}})
            try(job.submit, {{argv = {{'true'}}, cdw = '/'}})
            try(job.submit, {{argv = {{1}}}})
            try(job.submit, {{native = 'nosuch'}})
            try(job.wait, {stranger})
            try(job.wait, 10 ^ 9)""")
        self.assertEqual(job.outcome, e2e.SUCCEEDED, job.detail)
        for text in ("argv is empty", "unexpected symbol near <eof>", "one of 'argv', 'lua'",
                     "there is no member 'cdw'", "'argv' must be a list of strings",
                     "there is no 'nosuch'", f"job {stranger} is none that this job",
                     "job 1000000000 is none"):
            self.assertIn(text, out)

    def test_children_end_with_it(self):
        job_id = self.lua("local id = job.submit{argv = {'sleep', '1000'}} print(id) job.wait(id)")
        self.client.wait_state(job_id, e2e.WAITING)
        self.client.wait_state(job_id + 1, e2e.RUNNING)
        self.client.jobs("Cancel", ids=[job_id])
        self.assertEqual([j.outcome for j in self.client.wait(job_id, job_id + 1)],
                         [e2e.CANCELLED] * 2)

    def test_they_are_below_it_at_any_depth(self):
        job, out = self.run_lua("""
            local text = "local n = tonumber(args[1]) if n == 0 then return 'bottom' end " ..
                         "return job.wait(job.submit{lua = args[2], args = {tostring(n - 1), " ..
                         "args[2]}}).result"
            print(job.wait(job.submit{lua = text, args = {'10', text}}).result)""")
        self.assertEqual((job.outcome, out), (e2e.SUCCEEDED, "bottom\n"))


class Slots(LuaTest):
    options = ("--lua-slots", "2")

    def test_slots_are_counted_apart(self):
        running = [self.lua("sleep(1000)") for _ in range(2)]
        queued = self.lua("return 0")
        for job_id in running:
            self.client.wait_state(job_id, e2e.WAITING)
        self.assertIn("a Lua slot (2 of 2 busy)", self.client.get(queued).reason)
        self.assertEqual(self.client.wait(self.client.native("builtin.echo")).outcome,
                         e2e.SUCCEEDED)
        self.assertEqual(self.client.runtime("Stats").lua_slots, 2)
        self.client.jobs("Cancel", ids=running)
        self.assertEqual(self.client.wait(queued).outcome, e2e.SUCCEEDED)


class OneSlot(LuaTest):
    options = ("--exec-slots", "1")

    def test_what_ends_by_its_deadline_does_not_save_it(self):
        """What waits in the queue ends by the deadline on record, before the script's own."""
        blocker = self.client.exec("sleep", "1000")
        self.client.wait_state(blocker, e2e.RUNNING)
        for text in ("job.wait(job.submit{argv = {'true'}})",
                     "while true do job.wait(job.submit{argv = {'true'}}) end"):
            ids = [self.lua(text, spec={"timeout_ns": e2e.SECOND // 10}) for _ in range(50)]
            self.assertEqual({(j.outcome, j.detail) for j in self.client.wait(*ids)},
                             {(e2e.TIMED_OUT, "its timeout of 0.1 s passed")})
        self.client.jobs("Cancel", ids=[blocker])


class OneProcessor(LuaTest):
    options = ("--gomaxprocs", "1", "--grace", "100ms")

    def test_busy_scripts_are_cancelled(self):
        ids = [self.lua(text) for text in (BUSY, STUBBORN, BUSY)]
        self.assertEqual(self.client.wait(self.client.native("builtin.echo")).outcome,
                         e2e.SUCCEEDED)
        self.client.jobs("Cancel", ids=ids)
        self.assertEqual({j.outcome for j in self.client.wait(*ids)}, {e2e.CANCELLED})

    def test_stopping_the_daemon_ends_them(self):
        other = e2e.Gord("--gomaxprocs", "1", "--grace", "100ms")
        other.start()
        try:
            client = other.client()
            lua = client.message("LuaSpec", script=STUBBORN.encode())
            job_id = client.submit(client.message("JobSpec", lua=lua))
            client.wait_state(job_id, e2e.RUNNING)
            client.close()
            self.assertEqual(other.stop(), 0)
            other.start()
            client = other.client()
            self.assertEqual(client.get(job_id).outcome, e2e.CANCELLED)
            client.close()
        finally:
            other.close()


class Refused(LuaTest):
    def refuse(self, text, script=b"return 0", **fields):
        lua = self.client.message("LuaSpec", script=script, **fields)
        self.assertStatus(grpc.StatusCode.INVALID_ARGUMENT, self.client.submit,
                          self.client.message("JobSpec", lua=lua), text=text)

    def test_bad_scripts(self):
        self.refuse("spec.lua.script: script:1: unexpected symbol near <eof>", b"x =")
        self.refuse("spec.lua.script: a.lua:2: syntax error near 'y'", b"\nx y", chunk_name="a.lua")
        self.refuse("bytecode", b"\x1bLuaT\0\x19\x93\r\n\x1a\n")
        self.refuse("at most 262144", b"x = 1 " * 50000)
        self.refuse("spec.lua.script", b"x = '\xff\xfe")
        self.refuse("spec.lua.script", b"(" * 10000)

    def test_bad_numbers_and_names(self):
        self.refuse("max_memory_bytes is 1000", max_memory_bytes=1000)
        self.refuse("max_memory_bytes", max_memory_bytes=1 << 40)
        self.refuse("chunk_name has 201 bytes", chunk_name="x" * 201)
        self.refuse("args has 1001 entries", args=["x"] * 1001)


class Gorctl(LuaTest):
    options = ("--grace", "200ms")

    def test_the_script_of_the_readme_runs_as_it_stands_there(self):
        with open(os.path.join(e2e.SOURCE, "README.md"), encoding="utf-8") as file:
            path, month = re.search(r"^\$ gorctl lua (\S+) (\S+)", file.read(), re.M).groups()
        path = os.path.join(e2e.SOURCE, path)
        self.assertEqual(self.ok("run", "--lua", path, month).text,
                         f"{month}: 30 days, 30 reports\n")
        done = self.gorctl("run", "--lua", path, "2028-02")
        self.assertIn(b"2028-02: 29 days", done.out)
        done = self.gorctl("run", "--lua", path, "soon")
        self.assertEqual((done.code, done.err), (64, b"'soon' is no month; write 2026-11\n"))

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="gor-lua-")
        self.file = os.path.join(self.folder.name, "some.lua")
        with open(self.file, "w", encoding="utf-8") as out:
            out.write("#!/usr/bin/lua\nprint('from', args[0], ...)\nreturn #args\n")

    def tearDown(self):
        self.folder.cleanup()

    def test_run(self):
        result = self.gorctl("run", "--lua", self.file, "a", "--b")
        self.assertEqual((result.code, result.text), (2, "from\tsome.lua\ta\t--b\n"))
        result = self.gorctl("run", "--lua", "-", stdin=b"print(1)")
        self.assertEqual((result.code, result.text), (0, "1\n"))
        result = self.gorctl("run", "--timeout", "100ms", "--lua", "-", stdin=STUBBORN.encode())
        self.assertEqual(result.code, ctl.TIMED_OUT)

    def test_lua(self):
        job_id = int(self.ok("lua", self.file, "a").out)
        self.assertEqual(self.gorctl("wait", str(job_id)).code, 1)
        shown = self.ok("show", str(job_id)).text
        self.assertRegex(shown, r"Command +lua some.lua a\n")
        self.assertIn("lua some.lua a", self.ok("history").text)
        reply = self.ok("lua", "--json", "--name", "x", "-", stdin=b"return 0").json
        self.assertEqual(reply["durability"], "SYNC")
        limits = self.ok("lua", "--max-steps", "5000000", "--max-memory", "1M", "-", stdin=b"return 0")
        spec = self.client.get(int(limits.out)).spec.lua
        self.assertEqual((spec.max_steps, spec.max_memory_bytes, spec.chunk_name),
                         (5000000, 1 << 20, "stdin"))

    def test_wrong_usage(self):
        self.refused(ctl.USAGE, "which script", "lua")
        self.refused(ctl.NOT_FOUND, "cannot read", "lua", "/nonexistent.lua")
        self.refused(ctl.NOT_FOUND, "cannot read", "lua", "/")
        self.refused(ctl.USAGE, "different jobs", "submit", "--lua", self.file, "--shell", "x")
        self.refused(ctl.USAGE, "leave --lua", "lua", "--lua", self.file, self.file)
        self.refused(ctl.USAGE, "are for programs", "lua", "-C", "/", self.file)
        self.refused(ctl.USAGE, "are for Lua", "submit", "--max-steps", "1", "true")
        self.refused(ctl.USAGE, "not a size", "lua", "--max-memory", "much", self.file)
        self.refused(ctl.USAGE, "unexpected symbol", "lua", "-", stdin=b"x =")

    def test_lines(self):
        lines = [{"lua": "print('x') return 3", "max_steps": 100000, "max_memory": "1M"},
                 {"lua_file": self.file, "args": ["a"], "name": "file"}]
        text = "\n".join(json.dumps(line) for line in lines).encode()
        ids = self.ok("submit", "--from", "-", stdin=text).text.split()
        self.assertEqual([self.gorctl("wait", i).code for i in ids], [3, 1])
        for line, why in (({"lua": "x", "argv": ["y"]}, "one of"), ({"lua": 1}, "must be a string"),
                          ({"lua": "", "cwd": "/"}, "does not go with a Lua job"),
                          ({"lua": "", "max_memory": 1}, "must be a size"),
                          ({"lua": "", "max_steps": -1}, "must be a number"),
                          ({"argv": ["x"], "max_steps": 1}, "does not go with a program's job")):
            self.refused(ctl.USAGE, why, "submit", "--from", "-", stdin=json.dumps(line).encode())


if __name__ == "__main__":
    e2e.main()
