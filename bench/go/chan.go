// SPDX-License-Identifier: MIT

package main

import "time"

// W3: a rendezvous there and back.
func pingpong(b bench) {
	rounds := b.count(5_000_000)
	there, back := make(chan int), make(chan int)
	started := time.Now()
	go func() {
		for range rounds {
			back <- <-there
		}
	}()
	sum := 0
	for i := range rounds {
		there <- i
		sum += <-back
	}
	report("W3", float64(time.Since(started).Nanoseconds())/float64(rounds), "ns",
		"count=%d check=%d", rounds, sum)
}

// W4: a stream through a buffer.
func pipe(b bench) {
	count := b.count(20_000_000)
	c := make(chan int, 128)
	started := time.Now()
	go func() {
		for i := range count {
			c <- i
		}
		close(c)
	}()
	sum := 0
	for item := range c {
		sum += item
	}
	report("W4", float64(time.Since(started).Nanoseconds())/float64(count), "ns",
		"count=%d check=%d", count, sum)
}

const selectChannels = 8

// W7: one goroutine selects over eight channels that eight others send on.
func selectLoop(b bench) {
	each := b.count(4_000_000 / selectChannels)
	var c [selectChannels]chan int
	started := time.Now()
	for i := range c {
		c[i] = make(chan int)
		go func(out chan<- int) {
			for j := range each {
				out <- j
			}
		}(c[i])
	}
	sum := 0
	for range each * selectChannels {
		select {
		case v := <-c[0]:
			sum += v
		case v := <-c[1]:
			sum += v
		case v := <-c[2]:
			sum += v
		case v := <-c[3]:
			sum += v
		case v := <-c[4]:
			sum += v
		case v := <-c[5]:
			sum += v
		case v := <-c[6]:
			sum += v
		case v := <-c[7]:
			sum += v
		}
	}
	messages := each * selectChannels
	report("W7", float64(time.Since(started).Nanoseconds())/float64(messages), "ns",
		"count=%d check=%d", messages, sum)
}
