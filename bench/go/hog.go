// SPDX-License-Identifier: MIT

package main

import (
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// W13: how late sleepers of a millisecond wake beside a goroutine that computes, and one that blocks
// in a system call the poller knows nothing of.
func hog(b bench) {
	var enough atomic.Bool
	var running, gone sync.WaitGroup
	var pipe [2]int
	if err := syscall.Pipe(pipe[:]); err != nil {
		os.Exit(1)
	}
	running.Add(2)
	gone.Add(2)
	go func() {
		running.Done()
		for !enough.Load() {
		}
		gone.Done()
	}()
	go func() {
		running.Done()
		syscall.Read(pipe[0], make([]byte, 1))
		gone.Done()
	}()
	running.Wait()
	late := make([]time.Duration, b.count(500))
	for i := range late {
		due := time.Now().Add(time.Millisecond)
		time.Sleep(time.Millisecond)
		late[i] = time.Since(due)
	}
	slices.Sort(late)
	report("W13.p50", late[len(late)/2].Seconds()*1e3, "ms", "count=%d", len(late))
	report("W13.p99", late[len(late)*99/100].Seconds()*1e3, "ms", "count=%d", len(late))
	enough.Store(true)
	syscall.Write(pipe[1], []byte{0})
	gone.Wait()
}
