package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/gophercloud/gophercloud"
)

// Both clients poll: Kubernetes from one second on, each time 1.2 times longer; Terraform from 100 ms on, doubling. The
// first pause is shorter here, so that the tests need not wait.
const (
	firstPause = 10 * time.Millisecond
	growth     = 1.2
	longest    = time.Second
	patience   = 150 * time.Second // a net, no promise
)

// poll looks until done, an error or the end of patience.
func poll(what string, look func() (bool, error)) error {
	pause := firstPause
	for begun := time.Now(); time.Since(begun) < patience; {
		done, err := look()
		if err != nil {
			return fmt.Errorf("waiting for %s: %w", what, err)
		}
		if done {
			return nil
		}
		time.Sleep(pause)
		if pause = time.Duration(float64(pause) * growth); pause > longest {
			pause = longest
		}
	}
	return fmt.Errorf("waiting for %s: not within %s", what, patience)
}

// status is that of an error that an answer made, 0 of another one.
func status(err error) int {
	if coded, ok := err.(gophercloud.StatusCodeError); ok {
		return coded.GetStatusCode()
	}
	return 0
}

func isAbsent(err error) bool { return status(err) == http.StatusNotFound }

// isPassing tells whether Terraform asks again after such an error.
func isPassing(err error) bool {
	switch status(err) {
	case http.StatusConflict, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable,
		http.StatusGatewayTimeout:
		return true
	}
	return false
}
