// SPDX-License-Identifier: MIT

package main

import (
	"runtime"
	"sync"
	"time"
)

func contest(b bench, rounds int, yields bool) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	goroutines := b.count(1000)
	counter := 0
	started := time.Now()
	wg.Add(goroutines)
	for range goroutines {
		go func() {
			for range rounds {
				mu.Lock()
				counter++
				if yields {
					runtime.Gosched()
				}
				mu.Unlock()
			}
			wg.Done()
		}()
	}
	wg.Wait()
	report(b.name, float64(time.Since(started).Nanoseconds())/float64(counter), "ns",
		"count=%d check=%d", goroutines*rounds, counter)
}

// W8: many goroutines take turns on one mutex.
func mutex(b bench) { contest(b, 2000, false) }

// W8y: the same with a yield inside the lock, so that every lock is contended even on one P.
func mutexYield(b bench) { contest(b, 100, true) }
