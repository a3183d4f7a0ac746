# SPDX-License-Identifier: MIT
"""Plug-ins: native functions of shared objects, run, exchanged while they run, and kept from doing harm."""

import os
import shutil
import signal
import unittest

import gor_e2e as e2e
import gorctl_e2e as ctl
from gor_e2e import grpc

PLUGINS = os.path.join(e2e.BUILD, "tests", "plugins")
EXAMPLES = os.path.join(e2e.BUILD, "examples", "plugins")
INVALID = None if grpc is None else grpc.StatusCode.INVALID_ARGUMENT


def put(folder, name, source):
    """As one should: a copy beside it, renamed into place."""
    new = os.path.join(folder, ".new")
    shutil.copyfile(source, new)
    os.rename(new, os.path.join(folder, name))


def zoo(variant):
    return os.path.join(PLUGINS, variant + ".so")


class PluginTest(ctl.GorctlTest):
    """A daemon with the zoo; a fresh one for each test, since tests exchange it."""

    more_options = ()

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def setUp(self):
        self.gord = e2e.Gord()
        self.addCleanup(self.gord.close)
        self.folder = os.path.join(self.gord.folder, "plugins")
        os.mkdir(self.folder, 0o755)
        self.unloaded_path = os.path.join(self.gord.folder, "unloaded")
        self.gord.extra_env = {"ZOO_UNLOADED": self.unloaded_path}
        put(self.folder, "zoo.so", zoo("zoo1"))
        self.gord.options = ("--plugin-dir", self.folder, "--grace", "500ms", *self.more_options)
        self.gord.start()
        self.client = self.gord.client()

    def tearDown(self):
        self.client.close()
        code = self.gord.stop()
        text = self.gord.stderr()
        self.assertEqual(code, 0, text)
        self.assertNotIn("Sanitizer", text)

    def run_zoo(self, function, *args, **fields):
        job_id = self.client.native("zoo." + function, *args, **fields)
        return self.client.wait(job_id)

    def out(self, job):
        return self.client.logs(job.id, stream=1).decode()

    def plugins(self):
        return self.client.call("Plugins", "ListPlugins").plugins

    def the_zoo(self):
        """Its generations, the newest first."""
        return [p for p in self.plugins() if p.module == "zoo"]

    def wait_unloaded(self):
        """Until only one generation is left; what was told of those that went."""
        while len(self.the_zoo()) > 1:
            self.client.wait(self.client.native("builtin.sleep", "5ms"))
        with open(self.unloaded_path, encoding="ascii") as file:
            return file.read().split()

    def hold(self):
        job_id = self.client.native("zoo.hold")
        self.client.wait_state(job_id, e2e.WAITING)
        return job_id

    def cancel(self, *ids):
        self.client.jobs("Cancel", ids=ids, cause="enough")
        return self.client.wait(*ids)


class Functions(PluginTest):
    def test_arguments_input_output_result(self):
        spec = self.client.native_spec("zoo.echo", "a b", "", "é")
        spec.native.input = b"in\0\xff"
        job = self.client.wait(self.client.submit(spec))
        self.assertEqual((job.outcome, job.exit_code), (e2e.SUCCEEDED, 0))
        self.assertEqual(self.client.logs(job.id, stream=1),
                         f"job {job.id}\n[a b]\n[]\n[é]\n1\n".encode() + b"in\0\xff")
        self.assertEqual(self.client.logs(job.id, stream=2), b"to stderr\n")
        self.assertEqual(self.client.get(job.id, with_result=True).result, b"in\0\xff")
        self.assertEqual(self.client.get(job.id).spec.native.input, b"in\0\xff")
        listed = self.client.jobs("List", without_env=True).jobs[0]
        self.assertEqual((listed.id, listed.spec.native.input), (job.id, b""))

    def test_input_from_gorctl(self):
        run = ("run", "--native", "zoo.echo", "--input")
        result = self.gorctl(*run, "-", stdin=b"\0from stdin")
        self.assertTrue(result.out.endswith(b"1\n\0from stdin"), result)
        self.assertIn(b"class GordTest", self.gorctl(*run, e2e.__file__).out)
        self.refused(ctl.USAGE, "more than the 1 MiB", *run, "-", stdin=b"x" * (1 << 20 | 1))
        self.refused(ctl.NOT_FOUND, "cannot read", *run, "/not/there")

    def test_failing(self):
        job = self.run_zoo("fail")
        self.assertEqual((job.outcome, job.exit_code, job.detail), (e2e.FAILED, 7, "failed as asked"))

    def test_largest_result_and_scratch_memory(self):
        job = self.run_zoo("result")
        self.assertEqual((self.out(job), job.result_bytes), ("1\n", 65536))
        self.assertEqual(self.out(self.run_zoo("alloc")), "1 1\n")

    def test_what_is_wrong_is_said_at_submit(self):
        def refuse(text, *call):
            self.assertStatus(INVALID, self.client.native, *call, text=text)
        refuse("does not like 'bad' (usage: zoo.echo [TEXT...])", "zoo.echo", "bad")
        details = refuse("there is no 'zoo.lion'", "zoo.lion")
        refuse("there are zoo.echo, zoo.version, ", "zoo.lion")
        refuse("builtin.overflow, zoo.echo", "zo.lion")
        refuse("there is no 'lion'", "lion")
        spec = self.client.native_spec("zoo.echo")
        spec.native.input = b"x" * (1 << 20 | 1)
        self.assertStatus(INVALID, self.client.submit, spec, text="spec.native.input has 1048577")
        self.assertIsNone(details)

    def test_progress_as_fast_as_it_can(self):
        job_id = self.client.native("zoo.chatter")
        seen = []
        for event in self.client.jobs("Watch", ids=[job_id], with_progress=True):
            if event.HasField("progress"):
                seen.append(event.progress.done)
                if len(seen) == 3:
                    break
        self.assertEqual(seen, sorted(set(seen)))
        self.assertEqual(self.client.get(job_id).progress.text, "talking \\x1b[31m")
        self.assertEqual(self.cancel(job_id).outcome, e2e.CANCELLED)

    def test_timeout(self):
        job = self.run_zoo("hold", timeout_ns=e2e.SECOND // 20)
        self.assertEqual((job.outcome, job.progress.text), (e2e.TIMED_OUT, "holding"))

    def test_jobs_below(self):
        job = self.run_zoo("family")
        self.assertEqual(self.out(job),
                         "1\nspec.native.function: there is no 'zoo.none'; there are "
                         + self.out(job).split("there are ", 1)[1].split("\n", 1)[0] + "\n"
                         "0: 1 0 6 'in'\n0: 2 3 15 'from the env\n'\n".replace("15", "13")
                         + "1 1 1\n")
        below = [j for j in self.client.jobs("List").jobs if j.spec.parent_id == job.id]
        self.assertEqual([(j.outcome, j.spec.name) for j in below],
                         [(e2e.FAILED, "a program"), (e2e.SUCCEEDED, "")])

    def test_jobs_below_end_with_it(self):
        job_id = self.client.native("zoo.parent")
        self.client.wait_state(job_id, e2e.WAITING)
        child = int(self.client.logs(job_id, follow=False).split()[0])
        self.assertEqual(self.cancel(job_id).outcome, e2e.CANCELLED)
        self.assertEqual(self.client.wait(child).outcome, e2e.CANCELLED)
        self.assertEqual(self.client.logs(job_id, stream=1).split()[1], b"1")

    def test_example(self):
        put(self.folder, "words.so", os.path.join(EXAMPLES, "words.so"))
        self.assertIn("words: loaded, generation 1", self.ok("plugins", "reload").text)
        result = self.ok("run", "--native", "words.count", "--input", "-",
                         stdin=b" one two\nthree " * 1000)
        self.assertEqual(result.out, b"3000\n")
        job = self.client.jobs("List").jobs[0]
        self.assertEqual((job.progress.done, job.progress.total), (8, 8))
        self.assertEqual(self.ok("result", str(job.id)).out, b"3000\n")


class OneSlot(PluginTest):
    more_options = ("--exec-slots", "1")

    def test_what_ends_by_its_deadline_does_not_save_it(self):
        """What waits in the queue ends by the deadline on record, before the function's own."""
        blocker = self.client.exec("sleep", "1000")
        self.client.wait_state(blocker, e2e.RUNNING)
        for args in (("once",), ()):
            ids = [self.client.native("zoo.employ", *args, timeout_ns=e2e.SECOND // 10)
                   for _ in range(50)]
            self.assertEqual({(j.outcome, j.detail) for j in self.client.wait(*ids)},
                             {(e2e.TIMED_OUT, "its timeout of 0.1 s passed")})
        self.client.jobs("Cancel", ids=[blocker])


class Harm(PluginTest):
    """What a plug-in does wrong ends its job, not the daemon."""

    def check_trace(self, job, message, frame):
        self.assertEqual(job.outcome, e2e.PANICKED)
        history = self.client.events(job.id)[-1].detail
        first, rest = history.split("\n", 1)
        self.assertIn(message, first)
        self.assertIn(frame, rest)
        self.assertIn(frame, self.client.logs(job.id, stream=3).decode())
        self.assertEqual(self.client.get(job.id).detail, history)
        shown = self.ok("show", str(job.id)).text
        self.assertIn(frame, shown.split("panicked")[-1])
        self.assertNotIn("\\n", shown)
        self.assertNotIn(frame, self.ok("history").text)

    def test_panic(self):
        self.check_trace(self.run_zoo("panic"), "panic: the zoo is on fire", "run_panic")

    def test_panic_in_a_goroutine_of_its(self):
        self.check_trace(self.run_zoo("panic_elsewhere"), "a cage is on fire", "burn")

    @unittest.skipIf(e2e.SANITIZE, "under a sanitizer an overflow ends the process")
    def test_overflow(self):
        self.check_trace(self.run_zoo("overflow"), "stack", "dig")
        self.assertEqual(self.run_zoo("version").outcome, e2e.SUCCEEDED)

    @unittest.skipIf(e2e.SANITIZE, "under a sanitizer an overflow ends the process")
    def test_overflow_in_what_gord_does_for_it(self):
        """Wherever that would be: gord holds nothing there, and goes on."""
        calls = ("print", "progress", "alive", "result", "fail", "alloc", "ctx", "submit", "wait")
        ways = [("write", 2048, shift) for shift in range(0, 2048, 64)]
        ways += [(call, step, 0) for call in ("write", *calls) for step in (16, 512)]
        for way in ways:
            job = self.run_zoo("brink", *map(str, way))
            self.check_trace(job, "stack overflow", "lean_out")
            self.assertIn("gor_stack_need", job.detail)
        held = self.gorctl("run", "--native", "zoo.brink", "write", "16", "0")
        self.assertNotEqual(held.code, 0)
        self.assertEqual(set(held.out.split()), {b"deep"})
        self.assertEqual(self.run_zoo("version").outcome, e2e.SUCCEEDED)

    @unittest.skipIf(e2e.SANITIZE, "under a sanitizer an overflow ends the process")
    def test_end_where_hardly_any_stack_is_left(self):
        """gord tells how it ended on another stack then."""
        for left in (60000, 70000, 75000, 80000, 83000):
            job = self.run_zoo("edge", "panic", str(left))
            self.check_trace(job, "at the edge", "run_edge")
            job = self.run_zoo("edge", "exit", str(left))
            self.assertIn(job.outcome, (e2e.FAILED, e2e.PANICKED))
        self.assertEqual(self.run_zoo("version").outcome, e2e.SUCCEEDED)

    def test_exit_of_its_goroutine(self):
        job = self.run_zoo("exit")
        self.assertEqual((job.outcome, job.exit_code), (e2e.FAILED, 1))
        self.assertIn("without a return from exit", job.detail)

    def test_panic_with_a_handler_of_its_own(self):
        job = self.run_zoo("own_handler")
        self.assertEqual(job.outcome, e2e.PANICKED)
        self.assertIn("handler of its own", job.detail)

    def test_deferred_call_left_behind(self):
        self.assertEqual(self.out(self.run_zoo("defer")), "deferred\n")

    def test_goroutines_left_behind(self):
        self.assertEqual(self.run_zoo("leak").outcome, e2e.SUCCEEDED)
        self.assertEqual(self.run_zoo("leak_panic").outcome, e2e.SUCCEEDED)
        self.assertEqual([(p.jobs, p.left_behind) for p in self.the_zoo()], [(0, 2)])
        self.assertRegex(self.ok("plugins").text, r"zoo +1 +1 +\d+ +0 +2 ")
        self.run_zoo("open_gate")
        while self.the_zoo()[0].left_behind > 0:
            self.client.wait(self.client.native("builtin.sleep", "5ms"))
        self.assertIn("left behind panicked, and has ended: long after its job", self.gord.stderr())

    def test_deaf_job_does_not_keep_the_daemon_from_stopping(self):
        job_id = self.client.native("zoo.deaf")
        self.client.wait_state(job_id, e2e.WAITING)


    @unittest.skipIf(e2e.SANITIZE, "a sanitizer has its own end for that")
    def test_wild_pointer_ends_the_daemon_and_what_is_stored_is_there(self):
        kept = self.run_zoo("result")
        wild = self.client.native("zoo.wild")
        self.assertEqual(self.gord.process.wait(e2e.PATIENCE), -signal.SIGSEGV)
        self.client.close()
        self.gord.start()
        self.client = self.gord.client()
        self.assertEqual(self.client.get(wild).outcome, e2e.LOST)
        self.assertEqual(self.client.get(kept.id, with_result=True).result_bytes, 65536)


class Quota(PluginTest):
    more_options = ("--max-goroutines", "8")

    def test_holds_for_all_jobs_together(self):
        self.assertEqual(self.run_zoo("leak").exit_code, 1)
        self.assertEqual(self.the_zoo()[0].left_behind, 1)
        # All but one are taken by what was left behind; the next one has no place for its own.
        holder = self.hold()
        waiting = self.client.native("builtin.echo")
        self.assertIn("--max-goroutines", self.client.get(waiting).reason)
        self.cancel(holder)
        self.assertEqual(self.client.wait(waiting).outcome, e2e.SUCCEEDED)


class Reload(PluginTest):
    def reload(self, **more):
        return self.ok("plugins", "reload", **more).text

    def test_running_jobs_go_on_with_what_they_began_with(self):
        old = self.hold()
        put(self.folder, "zoo.so", zoo("zoo2"))
        self.assertIn("zoo: reloaded, generation 2", self.reload())
        self.assertEqual([(p.generation, p.current, p.version, p.jobs) for p in self.the_zoo()],
                         [(2, True, "2", 0), (1, False, "1", 1)])
        self.assertIn("1 (old)", self.ok("plugins").text)
        new = self.hold()
        self.assertEqual(self.out(self.run_zoo("version")), "2\n")
        self.cancel(old, new)
        self.assertEqual(self.client.logs(old, stream=1), b"1\n")
        self.assertEqual(self.client.logs(new, stream=1), b"2\n")
        self.assertEqual(self.wait_unloaded(), ["1"])

    def test_file_written_over_while_jobs_run(self):
        job_id = self.hold()
        path = os.path.join(self.folder, "zoo.so")
        with open(path, "wb") as file:
            file.write(b"not a shared object any more")
        result = self.gorctl("plugins", "reload")
        self.assertEqual((result.code, result.out), (ctl.REFUSED, b""))
        self.assertIn(b"no ELF file", result.err)
        self.assertIn(b"zoo goes on with generation 1", result.err)
        self.assertEqual(self.out(self.run_zoo("version")), "1\n")
        os.unlink(path)
        self.cancel(job_id)
        self.assertEqual(self.client.logs(job_id, stream=1), b"1\n")

    def test_goroutines_left_behind_keep_their_code(self):
        self.run_zoo("leak")
        put(self.folder, "zoo.so", zoo("zoo2"))
        self.reload()
        self.assertEqual([(p.version, p.left_behind) for p in self.the_zoo()], [("2", 0), ("1", 1)])
        self.assertFalse(os.path.exists(self.unloaded_path))

    def test_under_load(self):
        """Exchanged again and again while jobs begin and end all the time."""
        sources = [zoo("zoo1"), zoo("zoo2")]
        ids = []
        for turn in range(10):
            specs = [self.client.native_spec("zoo.version") for _ in range(100)]
            reply = self.client.jobs("SubmitMany", specs=specs)
            ids += range(reply.first_id, reply.first_id + reply.count)
            put(self.folder, "zoo.so", sources[(turn + 1) % 2])
            self.assertIn(f"generation {turn + 2}", self.reload())
        jobs = self.client.wait(*ids)
        self.assertEqual({job.outcome for job in jobs}, {e2e.SUCCEEDED})
        self.assertLessEqual({self.out(job) for job in jobs[::50]}, {"1\n", "2\n"})
        gone = self.wait_unloaded()
        self.assertEqual((len(gone), sorted(set(gone))), (10, ["1", "2"]))
        self.assertEqual(len(os.listdir(os.path.join(self.gord.state, "plugins"))), 1)

    def test_file_removed(self):
        job_id = self.hold()
        os.unlink(os.path.join(self.folder, "zoo.so"))
        self.assertIn("zoo: gone, generation 1", self.reload())
        self.assertStatus(INVALID, self.client.native, "zoo.echo", text="there is no 'zoo.echo'")
        self.assertEqual([p.current for p in self.the_zoo()], [False])
        self.cancel(job_id)

    def test_queued_job_whose_plugin_is_gone(self):
        self.ok("pause")
        job_id = self.client.native("zoo.echo")
        os.unlink(os.path.join(self.folder, "zoo.so"))
        self.reload()
        self.ok("resume")
        job = self.client.wait(job_id)
        self.assertEqual(job.outcome, e2e.SPAWN_ERROR)
        self.assertIn("no native function 'zoo.echo' any more", job.detail)

    def test_json_and_functions(self):
        reply = self.ok("plugins", "--json").json
        self.assertEqual(reply["folder"], self.folder)
        self.assertEqual([p["module"] for p in reply["plugins"]], ["builtin", "zoo"])
        self.assertRegex(self.ok("plugins", "--functions").text,
                         r"zoo\.echo +\[TEXT\.\.\.\] +writes what it is given")
        change = self.ok("plugins", "reload", "--json").json["changes"][0]
        self.assertEqual((change["kind"], change["module"]), ("UNCHANGED", "zoo"))
        self.refused(ctl.USAGE, "is not expected", "plugins", "load")

    def test_after_a_crash_it_is_there_again(self):
        kept = self.client.submit(self.client.native_spec("zoo.result"))
        self.client.wait(kept)
        lost = self.hold()
        self.client.close()
        self.gord.kill()
        self.gord.start()
        self.client = self.gord.client()
        self.assertEqual(self.client.get(kept, with_result=True).result, b"\0" * 65536)
        self.assertEqual(self.client.get(lost).outcome, e2e.LOST)
        self.assertEqual(self.out(self.run_zoo("version")), "1\n")


class Start(unittest.TestCase):
    def begin(self, folder_mode=0o755, options=True):
        gord = e2e.Gord()
        self.addCleanup(gord.close)
        folder = os.path.join(gord.folder, "plugins")
        os.mkdir(folder)
        os.chmod(folder, folder_mode)
        if options:
            gord.options = ("--plugin-dir", folder)
        return gord, folder

    def test_folder_that_others_may_write(self):
        gord, _ = self.begin(0o777)
        gord.launch()
        self.assertEqual(gord.process.wait(e2e.PATIENCE), 2)
        self.assertIn("may be written by others", gord.stderr())

    def test_folder_that_is_not_there(self):
        gord, folder = self.begin()
        os.rmdir(folder)
        gord.launch()
        self.assertEqual(gord.process.wait(e2e.PATIENCE), 2)
        self.assertIn("No such file", gord.stderr())

    def test_broken_plugin_does_not_keep_others_from_starting(self):
        gord, folder = self.begin()
        put(folder, "a.so", zoo("zoo_abi"))
        put(folder, "b.so", zoo("zoo1"))
        put(folder, "c.so", zoo("zoo_resident"))
        gord.start()
        client = gord.client()
        self.assertEqual(client.wait(client.native("zoo.version")).outcome, e2e.SUCCEEDED)
        self.assertEqual(client.wait(client.native("resident.version")).outcome, e2e.SUCCEEDED)
        self.assertIn("a plug-in is not taken: ", gord.stderr())
        client.close()
        self.assertEqual(gord.stop(), 0)

    def test_without_a_folder(self):
        gord, _ = self.begin(options=False)
        gord.start()
        result = ctl.run("plugins", "reload", host=gord.socket)
        self.assertNotEqual(result.code, 0)
        self.assertIn(b"without --plugin-dir", result.err)
        self.assertIn("builtin", ctl.run("plugins", host=gord.socket).text)
        self.assertEqual(gord.stop(), 0)


if __name__ == "__main__":
    e2e.main()
