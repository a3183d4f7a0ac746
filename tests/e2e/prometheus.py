# SPDX-License-Identifier: MIT
"""prometheus - the metrics that a gord serves, taken apart by Prometheus' own client library."""

import re
import sys
import time
import urllib.request

import gor_e2e as e2e

try:
    from prometheus_client.parser import text_string_to_metric_families
except ImportError:
    text_string_to_metric_families = None


def skip_without():
    """End the test program as skipped if that library is not here."""
    if text_string_to_metric_families is None:
        print("skipped: python3-prometheus-client is not installed")
        sys.exit(e2e.SKIPPED)


class Metrics:
    """One answer."""

    def __init__(self, text):
        self.text = text
        self.families = list(text_string_to_metric_families(text))
        self.samples = {}
        for family in self.families:
            for sample in family.samples:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                assert key not in self.samples, f"{key} is there twice"
                self.samples[key] = sample.value

    def __call__(self, name, **labels):
        return self.samples[name, tuple(sorted(labels.items()))]

    def get(self, name, **labels):
        """The value, or None."""
        return self.samples.get((name, tuple(sorted(labels.items()))))

    def names(self):
        return {name for name, _ in self.samples}

    def values_of(self, label, name):
        """What that label is in the samples of that name."""
        return {dict(labels)[label] for sample, labels in self.samples if sample == name}


def port_of(gord):
    found = re.search(r"metrics at http://127\.0\.0\.1:(\d+)/metrics", gord.stderr())
    assert found, gord.stderr()
    return int(found[1])


def scrape(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=e2e.PATIENCE) as reply:
        return Metrics(reply.read().decode())


def scrape_until(port, holds):
    """The first answer that `holds` of; they are given again for a quarter of a second."""
    end = time.monotonic() + e2e.PATIENCE
    while time.monotonic() < end:
        metrics = scrape(port)
        if holds(metrics):
            return metrics
    raise AssertionError("metrics never came to it:\n" + metrics.text)


def check_form(test, metrics):
    test.assertTrue(metrics.text.endswith("\n"))
    heads = re.findall(r"^# TYPE (\S+) ", metrics.text, re.M)
    test.assertEqual(len(heads), len(set(heads)), "a family is there twice")
    for family in metrics.families:
        with test.subTest(family=family.name):
            test.assertIn(family.type, ("counter", "gauge", "histogram"))
            test.assertTrue(family.documentation)
            test.assertTrue(family.samples)
            test.assertRegex(family.name, "^(go|gor|gord|process)_")
            for sample in family.samples:
                test.assertGreaterEqual(sample.value, 0)
            if family.type == "histogram":
                check_histograms(test, family)


def check_histograms(test, family):
    """Each of the family: its buckets rise, the last is all, and agrees with the count."""
    parts = {}
    for sample in family.samples:
        labels = {k: v for k, v in sample.labels.items() if k != "le"}
        part = parts.setdefault(tuple(sorted(labels.items())), {"bounds": [], "counts": []})
        if sample.name == family.name + "_bucket":
            part["bounds"].append(float(sample.labels["le"]))
            part["counts"].append(sample.value)
        else:
            part[sample.name] = sample.value
    for part in parts.values():
        test.assertEqual(part["bounds"], sorted(set(part["bounds"])))
        test.assertEqual(part["bounds"][-1], float("inf"))
        test.assertEqual(part["counts"], sorted(part["counts"]))
        test.assertEqual(part["counts"][-1], part[family.name + "_count"])
        test.assertIn(family.name + "_sum", part)
