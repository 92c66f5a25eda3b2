// The original library as a peer: a callee, a caller, and both sides of the announcement of a device.
//
// Arguments: host, port, mode, topics. Each mode writes "ready", and then one line for each thing that happens:
//
//	callee TOPIC           replies to requests
//	caller TOPIC           makes a call for each line "TO METHOD TEXT" of its input; TOPIC is where the replies arrive
//	announcer FROM TO      announces a device for each line "ID TYPE PARENT PUBLISHER"
//	listener TOPIC         writes each device that is announced
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/golang/protobuf/ptypes"
	"github.com/golang/protobuf/ptypes/any"
	"github.com/opencord/voltha-lib-go/v3/pkg/kafka"
	"github.com/opencord/voltha-lib-go/v3/pkg/log"
	ic "github.com/opencord/voltha-protos/v3/go/inter_container"
)

// limit is how long a caller waits.
const limit = 5 * time.Second

// methods are what the callee can be asked for: one for each kind of answer that the original has.
type methods struct{}

// Echo returns its argument.
func (methods) Echo(args []*ic.Argument) (*ic.StrType, error) {
	for _, arg := range args {
		if arg.Key == "text" {
			text := &ic.StrType{}
			if err := ptypes.UnmarshalAny(arg.Value, text); err != nil {
				return nil, err
			}
			return text, nil
		}
	}
	return nil, errors.New("no argument text")
}

// Fail returns an error.
func (methods) Fail([]*ic.Argument) (*ic.StrType, error) {
	return nil, errors.New("no such device")
}

// Nothing returns no result.
func (methods) Nothing([]*ic.Argument) error {
	return nil
}

// Lose returns what makes the callee silent: it did not win the request.
func (methods) Lose([]*ic.Argument) (*ic.StrType, error) {
	return nil, kafka.ErrorTransactionNotAcquired
}

// Neither returns neither a result nor an error, which makes the callee silent too.
func (methods) Neither([]*ic.Argument) (*ic.StrType, error) {
	return nil, nil
}

// NoMessage returns what the callee cannot write.
func (methods) NoMessage([]*ic.Argument) (*time.Duration, error) {
	duration := time.Second
	return &duration, nil
}

func main() {
	_, err := log.SetDefaultLogger(log.JSON, log.FatalLevel, nil)
	check(err)
	check(log.UpdateAllLoggers(nil))
	log.SetAllLogLevel(log.FatalLevel)
	port, err := strconv.Atoi(os.Args[2])
	check(err)
	client := kafka.NewSaramaClient(
		kafka.Host(os.Args[1]),
		kafka.Port(port),
		kafka.ConsumerType(kafka.PartitionConsumer),
		kafka.ProducerReturnOnErrors(true),
		kafka.ProducerReturnOnSuccess(true),
	)
	topic := &kafka.Topic{Name: os.Args[4]}
	switch os.Args[3] {
	case "callee":
		proxy := start(client, port, topic, topic)
		check(proxy.SubscribeWithRequestHandlerInterface(*topic, methods{}))
		ready()
		select {}
	case "caller":
		proxy := start(client, port, topic, topic)
		check(proxy.SubscribeWithRequestHandlerInterface(*topic, methods{}))
		ready()
		lines(func(words []string) { call(proxy, words) })
	case "announcer":
		proxy := start(client, port, topic, &kafka.Topic{Name: os.Args[5]})
		ready()
		lines(func(words []string) { announce(proxy, words) })
	case "listener":
		check(client.Start())
		messages, err := client.Subscribe(topic)
		check(err)
		ready()
		for message := range messages {
			show(message)
		}
	default:
		check(fmt.Errorf("unknown mode %q", os.Args[3]))
	}
}

func start(client kafka.Client, port int, topic, discovery *kafka.Topic) kafka.InterContainerProxy {
	proxy := kafka.NewInterContainerProxy(
		kafka.InterContainerHost(os.Args[1]),
		kafka.InterContainerPort(port),
		kafka.MsgClient(client),
		kafka.DefaultTopic(topic),
		kafka.DeviceDiscoveryTopic(discovery),
	)
	check(proxy.Start())
	return proxy
}

func call(proxy kafka.InterContainerProxy, words []string) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	argument := &kafka.KVArg{Key: "text", Value: &ic.StrType{Val: words[2]}}
	to := &kafka.Topic{Name: words[0]}
	success, result := proxy.InvokeRPC(ctx, words[1], to, nil, true, words[2], argument)
	switch {
	case success && result == nil:
		fmt.Println("done without a result")
	case success:
		fmt.Println("done", text(result))
	case result == nil:
		fmt.Println("failed without an error")
	default:
		reason := &ic.Error{}
		if err := ptypes.UnmarshalAny(result, reason); err != nil {
			fmt.Println("failed with", err)
		} else {
			fmt.Println("failed", int32(reason.Code), reason.Reason)
		}
	}
}

func text(result *any.Any) string {
	text := &ic.StrType{}
	if err := ptypes.UnmarshalAny(result, text); err != nil {
		return err.Error()
	}
	return text.Val
}

func announce(proxy kafka.InterContainerProxy, words []string) {
	if err := proxy.DeviceDiscovered(words[0], words[1], words[2], words[3]); err != nil {
		fmt.Println("not sent", err)
	} else {
		fmt.Println("sent")
	}
}

func show(message *ic.InterContainerMessage) {
	device := &ic.DeviceDiscovered{}
	if err := ptypes.UnmarshalAny(message.Body, device); err != nil {
		fmt.Println("no device", err)
		return
	}
	fmt.Println(message.Header.Type, message.Header.FromTopic, device.Id, device.DeviceType, device.ParentId, device.Publisher)
}

func ready() {
	fmt.Println("ready")
}

func lines(each func([]string)) {
	scanner := bufio.NewScanner(os.Stdin)
	for scanner.Scan() {
		each(strings.Fields(scanner.Text()))
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
