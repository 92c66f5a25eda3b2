// Requests and replies on franz-go. The benchmark `calls` documents its arguments and what it prints.
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

type task struct {
	servers, requests, replies string
	bytes                      int
}

// Arguments: role, servers, topic of the requests, topic of the replies, bytes of a request, loads.
func main() {
	bytes, err := strconv.Atoi(os.Args[5])
	check(err)
	t := task{os.Args[2], os.Args[3], os.Args[4], bytes}
	if os.Args[1] == "callee" {
		t.reply()
		return
	}
	caller := t.caller()
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

// client reads a topic from its present end on, and sends at once.
func (t *task) client(topic string) *kgo.Client {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(t.servers, ",")...),
		kgo.ProducerLinger(0),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
	)
	check(err)
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{
		topic: {0: kgo.NewOffset().At(end(client, topic))},
	})
	return client
}

// end returns the end of the partition of a topic.
func end(client *kgo.Client, topic string) int64 {
	partition := kmsg.NewListOffsetsRequestTopicPartition()
	partition.Timestamp = -1
	ofTopic := kmsg.NewListOffsetsRequestTopic()
	ofTopic.Topic = topic
	ofTopic.Partitions = append(ofTopic.Partitions, partition)
	request := kmsg.NewPtrListOffsetsRequest()
	request.Topics = append(request.Topics, ofTopic)
	response, err := request.RequestWith(context.Background(), client)
	check(err)
	answered := response.Topics[0].Partitions[0]
	check(kerr.ErrorForCode(answered.ErrorCode))
	return answered.Offset
}

func (t *task) reply() {
	client := t.client(t.requests)
	fmt.Println("ready")
	for {
		client.PollFetches(context.Background()).EachRecord(func(request *kgo.Record) {
			reply := &kgo.Record{Topic: t.replies, Value: request.Value}
			client.Produce(context.Background(), reply, func(_ *kgo.Record, err error) { check(err) })
		})
	}
}

// caller knows its calls by the first eight bytes of their payload.
type caller struct {
	task
	client  *kgo.Client
	next    atomic.Uint64
	waiting sync.Map
}

func (t *task) caller() *caller {
	c := &caller{task: *t, client: t.client(t.replies)}
	go func() {
		for {
			c.client.PollFetches(context.Background()).EachRecord(func(reply *kgo.Record) {
				number := binary.BigEndian.Uint64(reply.Value)
				if waiting, found := c.waiting.LoadAndDelete(number); found {
					waiting.(chan []byte) <- reply.Value
				}
			})
		}
	}()
	return c
}

func (c *caller) call(payload []byte) {
	number := c.next.Add(1)
	binary.BigEndian.PutUint64(payload, number)
	reply := make(chan []byte, 1)
	c.waiting.Store(number, reply)
	request := &kgo.Record{Topic: c.requests, Value: payload}
	c.client.Produce(context.Background(), request, func(_ *kgo.Record, err error) { check(err) })
	select {
	case <-reply:
	case <-time.After(30 * time.Second):
		check(fmt.Errorf("no reply to call %d", number))
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
				payload := make([]byte, c.bytes)
				start := time.Now()
				c.call(payload)
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
