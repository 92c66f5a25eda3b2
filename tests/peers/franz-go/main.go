// A consumer on franz-go. Writes "first" and "last" with these records.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const tick = 100 * time.Millisecond

type peer struct {
	row     string
	records int64
	begun   atomic.Bool
	count   atomic.Int64
}

// Arguments: servers, topic, group, row, records, calls at once.
func main() {
	records, err := strconv.ParseInt(os.Args[5], 10, 64)
	check(err)
	calls, err := strconv.Atoi(os.Args[6])
	check(err)
	client, err := kgo.NewClient(
		kgo.SeedBrokers(os.Args[1]),
		kgo.ConsumeTopics(os.Args[2]),
		kgo.ConsumerGroup(os.Args[3]),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.AutoCommitMarks(),
		kgo.AutoCommitInterval(tick),
	)
	check(err)
	p := &peer{row: os.Args[4], records: records}
	// The measurement reads the memory of the process, and ends it.
	if p.row == "keys" {
		p.byKey(client, calls)
	} else {
		p.inOrder(client)
	}
}

// inOrder handles one record after the other.
func (p *peer) inOrder(client *kgo.Client) {
	for {
		fetches := client.PollFetches(context.Background())
		fetches.EachPartition(func(fetched kgo.FetchTopicPartition) {
			for _, record := range fetched.Records {
				p.handle(record)
			}
			if last := len(fetched.Records) - 1; last >= 0 {
				client.MarkCommitRecords(fetched.Records[last])
			}
		})
	}
}

// byKey handles the records of each key one after the other, and so many at once. It commits nothing.
func (p *peer) byKey(client *kgo.Client, calls int) {
	slots := make(chan struct{}, calls)
	newest := make(map[string]chan struct{})
	for {
		fetches := client.PollFetches(context.Background())
		fetches.EachRecord(func(record *kgo.Record) {
			before, done := newest[string(record.Key)], make(chan struct{})
			newest[string(record.Key)] = done
			go func() {
				if before != nil {
					<-before
				}
				slots <- struct{}{}
				p.handle(record)
				<-slots
				close(done)
			}()
		})
	}
}

func (p *peer) handle(record *kgo.Record) {
	if !p.begun.Load() && p.begun.CompareAndSwap(false, true) {
		fmt.Println("first")
	}
	switch p.row {
	case "keys":
		time.Sleep(time.Duration(record.Offset%6) * time.Millisecond)
	case "slow":
		time.Sleep(time.Millisecond)
	}
	if p.count.Add(1) == p.records {
		fmt.Println("last")
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
