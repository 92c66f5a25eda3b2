// Calls gated methods with a retry policy until SIGTERM, then prints what the application has seen: retrying ADDRESS.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const policy = `{"methodConfig": [{"name": [{}], "retryPolicy": {
	"maxAttempts": 5, "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 2,
	"retryableStatusCodes": ["UNAVAILABLE"]}}]}`

func main() {
	var ended atomic.Bool
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	go func() { <-signals; ended.Store(true) }()

	connection, err := grpc.NewClient("passthrough:///"+os.Args[1],
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultServiceConfig(policy))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	defer connection.Close()
	fmt.Println("begun")
	var calls, streams, errors int
	var longest time.Duration
	for !ended.Load() {
		began := time.Now()
		if err := say(connection); err != nil {
			errors++
			fmt.Println("an error of the application:", err)
		} else {
			calls++
		}
		if err := repeat(connection); err != nil {
			errors++
			fmt.Println("an error of the application:", err)
		} else {
			streams++
		}
		longest = max(longest, time.Since(began))
		time.Sleep(20 * time.Millisecond)
	}
	fmt.Printf("%d calls and %d streams, %d errors of the application, the longest took %.1f s\n",
		calls, streams, errors, longest.Seconds())
}

func say(connection *grpc.ClientConn) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	answer := new(wrapperspb.StringValue)
	return connection.Invoke(ctx, "/livebus.test.Echo/Say", wrapperspb.String("hello"), answer)
}

func repeat(connection *grpc.ClientConn) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	stream, err := connection.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/livebus.test.Echo/Repeat")
	if err != nil {
		return err
	}
	if err := stream.SendMsg(wrapperspb.String("hello")); err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	for range 2 {
		if err := stream.RecvMsg(new(wrapperspb.StringValue)); err != nil {
			return err
		}
	}
	return nil
}
