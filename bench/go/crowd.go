// SPDX-License-Identifier: MIT

package main

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// statusBytes is a value of /proc/self/status in bytes, such as "VmRSS".
func statusBytes(key string) int {
	text, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(text), "\n") {
		if rest, found := strings.CutPrefix(line, key+":"); found {
			kib, _ := strconv.Atoi(strings.Fields(rest)[0])
			return kib * 1024
		}
	}
	return 0
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

type crowd struct {
	gate          chan struct{}
	arrived, gone sync.WaitGroup
}

// gather returns once count goroutines exist and have run up to the gate.
func (c *crowd) gather(count int) time.Duration {
	started := time.Now()
	c.arrived.Add(count)
	c.gone.Add(count)
	for range count {
		go func() {
			c.arrived.Done()
			<-c.gate
			c.gone.Done()
		}()
	}
	c.arrived.Wait()
	return time.Since(started)
}

func (c *crowd) release() {
	close(c.gate)
	c.gone.Wait()
}

// W9: what a goroutine that waits on a receive costs in memory, and how long it takes to make.
func parked(b bench) {
	count := b.count(b.arg(0, 100_000))
	debug.FreeOSMemory()
	c := &crowd{gate: make(chan struct{})}
	resident, tables := statusBytes("VmRSS"), statusBytes("VmPTE")
	took := c.gather(count)
	time.Sleep(300 * time.Millisecond)
	resident, tables = statusBytes("VmRSS")-resident, statusBytes("VmPTE")-tables
	each := func(bytes int) float64 { return float64(bytes) / float64(count) }
	report("W9.bytes", each(resident+tables), "B", "count=%d rss=%.0f page_tables=%.0f", count,
		each(resident), each(tables))
	// Nothing is put away in Go.
	report("W9.hibernated", each(resident+tables), "B", "count=%d", count)
	report("W9.create", float64(took.Nanoseconds())/float64(count), "ns", "count=%d", count)
	started := time.Now()
	c.release()
	report("W9.wake", float64(time.Since(started).Nanoseconds())/float64(count), "ns", "count=%d",
		count)
}

// W9w: the second creation in one process.
func parkedWarm(b bench) {
	count := b.count(b.arg(0, 100_000))
	var took time.Duration
	for range 2 {
		c := &crowd{gate: make(chan struct{})}
		took = c.gather(count)
		c.release()
	}
	report("W9w", float64(took.Nanoseconds())/float64(count), "ns", "count=%d", count)
}

const sleepKinds = 1001

// W10: a million goroutines asleep at once, each for its own time up to a second. The random
// numbers are those of the C side, so that both sleep the same times.
func sleep(b bench) {
	count := b.count(1_000_000)
	random := uint64(88172645463325252)
	var wg sync.WaitGroup
	started, cpu := time.Now(), cpuTime()
	wg.Add(count)
	for range count {
		random ^= random << 13
		random ^= random >> 7
		random ^= random << 17
		d := time.Duration(random%sleepKinds) * time.Millisecond
		go func() {
			time.Sleep(d)
			wg.Done()
		}()
	}
	wg.Wait()
	report("W10", float64((cpuTime()-cpu).Nanoseconds())/1e6, "ms", "count=%d wall_ms=%d", count,
		time.Since(started).Milliseconds())
}
