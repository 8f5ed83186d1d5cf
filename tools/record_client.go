package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
)

func main() {
	plain := len(os.Args) > 1
	transport := &http.Transport{DisableCompression: plain, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return net.Dial("unix", os.Getenv("RECORD_SOCKET"))
	}}
	client := &http.Client{Transport: transport}
	json := []byte(`{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","parameters":{"binary_data_size":16}}],"parameters":{"binary_data_output":true}}`)
	body := append(append([]byte{}, json...), 0, 0, 128, 64, 0, 0, 128, 63, 0, 0, 64, 64, 0, 0, 0, 64)
	for i := 0; i < 2; i++ {
		req, _ := http.NewRequest("POST", "http://localhost/v2/models/digits/infer", bytes.NewReader(body))
		req.Header.Set("Content-Type", "application/octet-stream")
		req.Header.Set("Inference-Header-Content-Length", "135")
		resp, err := client.Do(req)
		if err != nil {
			panic(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}
