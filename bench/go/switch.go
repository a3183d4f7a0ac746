// SPDX-License-Identifier: MIT

package main

import (
	"runtime"
	"sync"
	"time"
)

const spawnBatch = 1000

// W1: what a goroutine costs from birth to death.
func spawn(b bench) {
	batches := b.count(1000)
	started := time.Now()
	for range batches {
		var wg sync.WaitGroup
		wg.Add(spawnBatch)
		for range spawnBatch {
			go func() { wg.Done() }()
		}
		wg.Wait()
	}
	spawned := batches * spawnBatch
	report("W1", float64(time.Since(started).Nanoseconds())/float64(spawned), "ns", "count=%d", spawned)
}

// W2: what a switch costs.
func yield(b bench) {
	rounds := b.count(10_000_000)
	started := time.Now()
	var wg sync.WaitGroup
	wg.Add(2)
	for range 2 {
		go func() {
			for range rounds {
				runtime.Gosched()
			}
			wg.Done()
		}()
	}
	wg.Wait()
	report("W2", float64(time.Since(started).Nanoseconds())/float64(2*rounds), "ns", "count=%d", 2*rounds)
}
