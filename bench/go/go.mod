module gor.dev/bench

go 1.23
