// Reads config entries in HCL, one JSON string a line, and decodes each into Consul's own types as its command line does:
// HCL gives a map as a list of one map, durations are texts, and a member that Consul does not know is an error. Prints
// one line for each: "ok", or why not.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/hcl"
	"github.com/mitchellh/mapstructure"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<20)
	for lines.Scan() {
		var text string
		if err := json.Unmarshal(lines.Bytes(), &text); err != nil {
			fmt.Println("not a line of ours:", err)
		} else if err := check(text); err != nil {
			fmt.Println(strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Println("ok")
		}
	}
}

func unwrap(from, to reflect.Type, data interface{}) (interface{}, error) {
	list, ok := data.([]map[string]interface{})
	for to.Kind() == reflect.Ptr {
		to = to.Elem()
	}
	if !ok || len(list) != 1 || to.Kind() == reflect.Slice {
		return data, nil
	}
	return list[0], nil
}

func check(text string) error {
	var raw map[string]interface{}
	if err := hcl.Decode(&raw, text); err != nil {
		return err
	}
	kind, _ := raw["Kind"].(string)
	name, _ := raw["Name"].(string)
	entry, err := api.MakeConfigEntry(kind, name)
	if err != nil {
		return err
	}
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		DecodeHook:       mapstructure.ComposeDecodeHookFunc(unwrap, mapstructure.StringToTimeDurationHookFunc()),
		Result:           &entry,
		WeaklyTypedInput: true,
		ErrorUnused:      true,
	})
	if err != nil {
		return err
	}
	return decoder.Decode(raw)
}
