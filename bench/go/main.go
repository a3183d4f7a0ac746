// SPDX-License-Identifier: MIT

// go-bench runs one workload on Go's runtime and prints its figures in the form gor-bench has for
// libgor: the same workloads, the same counts, written the way a Go programmer would.
//
//	go-bench [-d N] WORKLOAD [COUNT]...
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
)

// bench is one run as the command line asked for it.
type bench struct {
	name   string
	divide int
	args   []string
}

// count is full divided as asked, at least 1.
func (b bench) count(full int) int {
	return max(full/b.divide, 1)
}

// arg is the number at index after the name, or fallback when there is none.
func (b bench) arg(index, fallback int) int {
	if index >= len(b.args) {
		return fallback
	}
	n, err := strconv.Atoi(b.args[index])
	if err != nil {
		fmt.Fprintf(os.Stderr, "go-bench: %s: '%s' is not a count\n", b.name, b.args[index])
		os.Exit(2)
	}
	return n
}

// report prints one figure.
func report(id string, value float64, unit, format string, extras ...any) {
	fmt.Printf("%s %.3f %s %s\n", id, value, unit, fmt.Sprintf(format, extras...))
}

var workloads = map[string]func(bench){
	"W1": spawn, "W2": yield, "W3": pingpong, "W4": pipe, "W5": skynet, "W5w": skynetWarm,
	"W6": sieve, "W7": selectLoop, "W8": mutex, "W8y": mutexYield, "W9": parked, "W9w": parkedWarm,
	"W10": sleep, "W11": echo, "W12": fib, "W13": hog,
}

func main() {
	divide := flag.Int("d", 1, "divide every count by this")
	flag.Parse()
	run := workloads[flag.Arg(0)]
	if run == nil || *divide < 1 {
		fmt.Fprintln(os.Stderr, "usage: go-bench [-d N] WORKLOAD [COUNT]...")
		os.Exit(2)
	}
	run(bench{name: flag.Arg(0), divide: *divide, args: flag.Args()[1:]})
}
