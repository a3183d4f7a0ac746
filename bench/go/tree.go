// SPDX-License-Identifier: MIT

package main

import "time"

const fanOut = 10

func runNode(out chan<- int, first, size int) {
	if size == 1 {
		out <- first
		return
	}
	sums := make(chan int)
	part := size / fanOut
	for i := range fanOut {
		go runNode(sums, first+i*part, part)
	}
	sum := 0
	for range fanOut {
		sum += <-sums
	}
	out <- sum
}

// leafCount is the most leaves that are a power of ten and not above the count asked for.
func leafCount(b bench) int {
	leaves := 1
	for leaves*fanOut <= b.count(1_000_000) {
		leaves *= fanOut
	}
	return leaves
}

func sumLeaves(leaves int) int {
	root := make(chan int)
	go runNode(root, 0, leaves)
	return <-root
}

// W5: a tree of goroutines ten wide and six deep; every node sums what its children send.
func skynet(b bench) {
	leaves := leafCount(b)
	started := time.Now()
	sum := sumLeaves(leaves)
	report("W5", float64(time.Since(started).Nanoseconds())/1e6, "ms", "count=%d check=%d", leaves, sum)
}

// W5w: the third one in one process.
func skynetWarm(b bench) {
	leaves := leafCount(b)
	var started time.Time
	sum := 0
	for range 3 {
		started = time.Now()
		sum = sumLeaves(leaves)
	}
	report("W5w", float64(time.Since(started).Nanoseconds())/1e6, "ms", "count=%d check=%d", leaves, sum)
}

func fibPlain(n int) int {
	if n < 2 {
		return n
	}
	return fibPlain(n-1) + fibPlain(n-2)
}

func fibSplit(n, cutOff int) int {
	if n < cutOff {
		return fibPlain(n)
	}
	other := make(chan int, 1)
	go func() { other <- fibSplit(n-1, cutOff) }()
	own := fibSplit(n-2, cutOff)
	return own + <-other
}

// W12: fib by recursion, the upper levels each as a goroutine.
func fib(b bench) {
	cutOff, n := b.arg(0, 20), b.arg(1, 38)
	started := time.Now()
	result := fibSplit(n, cutOff)
	report("W12", float64(time.Since(started).Nanoseconds())/1e6, "ms", "count=%d check=%d", n, result)
}

// W6: each prime found adds a goroutine that filters its multiples out of the stream.
func sieve(b bench) {
	primes := b.count(3000)
	started := time.Now()
	in := make(chan int)
	go func(out chan<- int) {
		for i := 2; ; i++ {
			out <- i
		}
	}(in)
	prime := 0
	for range primes {
		prime = <-in
		out := make(chan int)
		go func(in <-chan int, out chan<- int, prime int) {
			for {
				if v := <-in; v%prime != 0 {
					out <- v
				}
			}
		}(in, out, prime)
		in = out
	}
	report("W6", float64(time.Since(started).Nanoseconds())/1e6, "ms", "count=%d check=%d", primes, prime)
}
