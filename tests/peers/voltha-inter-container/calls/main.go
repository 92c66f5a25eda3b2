// Requests and replies on the original library. The benchmark `calls` documents its arguments and what it prints.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang/protobuf/ptypes"
	"github.com/opencord/voltha-lib-go/v3/pkg/kafka"
	"github.com/opencord/voltha-lib-go/v3/pkg/log"
	ic "github.com/opencord/voltha-protos/v3/go/inter_container"
)

// limit is how long a caller waits.
const limit = 30 * time.Second

type methods struct{}

// Echo returns its argument.
func (methods) Echo(args []*ic.Argument) (*ic.StrType, error) {
	for _, arg := range args {
		if arg.Key == "text" {
			text := &ic.StrType{}
			return text, ptypes.UnmarshalAny(arg.Value, text)
		}
	}
	return nil, errors.New("no argument text")
}

// Arguments: role, servers, topic of the requests, topic of the replies, bytes of a request, loads.
func main() {
	_, err := log.SetDefaultLogger(log.JSON, log.FatalLevel, nil)
	check(err)
	check(log.UpdateAllLoggers(nil))
	log.SetAllLogLevel(log.FatalLevel)
	own := os.Args[4]
	if os.Args[1] == "callee" {
		own = os.Args[3]
	}
	proxy := start(os.Args[2], own)
	if os.Args[1] == "callee" {
		fmt.Println("ready")
		select {}
	}
	bytes, err := strconv.Atoi(os.Args[5])
	check(err)
	caller := &caller{proxy, &kafka.Topic{Name: os.Args[3]}, strings.Repeat("x", bytes)}
	caller.measure(10, 1_000)
	fmt.Println("ready")
	for _, load := range os.Args[6:] {
		var atOnce, calls int
		_, err := fmt.Sscanf(load, "%d:%d", &atOnce, &calls)
		check(err)
		fmt.Println("begin", atOnce)
		caller.measure(atOnce, calls).print()
	}
	// The measurement reads the CPU time of the process, and ends it.
	select {}
}

// start reads requests and replies from a topic.
func start(servers, own string) kafka.InterContainerProxy {
	host, number, err := net.SplitHostPort(servers)
	check(err)
	port, err := strconv.Atoi(number)
	check(err)
	topic := &kafka.Topic{Name: own}
	client := kafka.NewSaramaClient(
		kafka.Host(host),
		kafka.Port(port),
		kafka.ConsumerType(kafka.PartitionConsumer),
		kafka.ProducerReturnOnErrors(true),
		kafka.ProducerReturnOnSuccess(true),
	)
	proxy := kafka.NewInterContainerProxy(
		kafka.InterContainerHost(host),
		kafka.InterContainerPort(port),
		kafka.MsgClient(client),
		kafka.DefaultTopic(topic),
		kafka.DeviceDiscoveryTopic(topic),
	)
	check(proxy.Start())
	check(proxy.SubscribeWithRequestHandlerInterface(*topic, methods{}))
	return proxy
}

type caller struct {
	proxy    kafka.InterContainerProxy
	requests *kafka.Topic
	text     string
}

func (c *caller) call() {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	argument := &kafka.KVArg{Key: "text", Value: &ic.StrType{Val: c.text}}
	if success, _ := c.proxy.InvokeRPC(ctx, "Echo", c.requests, nil, true, "key", argument); !success {
		check(errors.New("a call failed"))
	}
}

type measured struct {
	wall       time.Duration
	roundTrips []time.Duration
}

// measure makes so many calls at once, where each that ends is followed by the next.
func (c *caller) measure(atOnce, calls int) measured {
	var left atomic.Int64
	left.Store(int64(calls))
	var lock sync.Mutex
	var all []time.Duration
	var callers sync.WaitGroup
	began := time.Now()
	for range atOnce {
		callers.Go(func() {
			var own []time.Duration
			for left.Add(-1) >= 0 {
				start := time.Now()
				c.call()
				own = append(own, time.Since(start))
			}
			lock.Lock()
			defer lock.Unlock()
			all = append(all, own...)
		})
	}
	callers.Wait()
	return measured{time.Since(began), all}
}

func (m measured) print() {
	slices.Sort(m.roundTrips)
	at := func(percent int) int64 {
		return m.roundTrips[min(len(m.roundTrips)*percent/100, len(m.roundTrips)-1)].Nanoseconds()
	}
	fmt.Println("end", m.wall.Nanoseconds(), at(50), at(99))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
