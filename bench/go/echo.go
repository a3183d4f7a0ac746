// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"log"
	"net"
)

func echoConnection(c net.Conn) {
	defer c.Close()
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		if _, err := c.Write(buf[:n]); err != nil {
			return
		}
	}
}

// W11: a TCP echo server, one goroutine for each connection. Serves until it is killed.
func echo(bench) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening %d\n", l.Addr().(*net.TCPAddr).Port)
	for {
		c, err := l.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go echoConnection(c)
	}
}
