// How each language runs its verify snippet. A driver gets secret, webhook-id, webhook-timestamp, signature header and
// the body in base64 as its arguments, and prints `accepted` or `refused`.

export const SIGNATURE_HEADERS = {
  standard: 'webhook-signature',
  ed25519: 'webhook-signature',
  timestamped: 'X-Webhook-Signature',
};

const node = {
  version: [process.execPath, '--version'],
  files: (code, scheme) => ({
    'snippet.mjs': code,
    'driver.mjs': `import { verify } from './snippet.mjs';
const [held, id, time, signature, body] = process.argv.slice(2);
const headers = { 'webhook-id': id, 'webhook-timestamp': time };
if (signature) headers['${SIGNATURE_HEADERS[scheme].toLowerCase()}'] = signature;
const secret = ${scheme === 'ed25519' ? 'JSON.parse(held)' : 'held'};
console.log(verify(secret, headers, Buffer.from(body, 'base64')) ? 'accepted' : 'refused');
`,
  }),
  command: () => [process.execPath, 'driver.mjs'],
};

const python = {
  version: ['python3', '--version'],
  files: (code) => ({
    'driver.py': `${code}

import sys
secret, message_id, sent_at, signature, body = sys.argv[1:]
headers = {"webhook-id": message_id, "webhook-timestamp": sent_at}
if signature:
    headers["webhook-signature"] = signature
print("accepted" if verify(secret, headers, base64.b64decode(body)) else "refused")
`,
  }),
  command: () => ['python3', 'driver.py'],
};

const php = {
  version: ['php', '--version'],
  files: (code) => ({
    'driver.php': `<?php
${code}
[, $secret, $id, $time, $signature, $body] = $argv;
$headers = ['webhook-id' => $id, 'webhook-timestamp' => $time] + ($signature === '' ? [] : ['webhook-signature' => $signature]);
echo verify($secret, $headers, base64_decode($body)) ? 'accepted' : 'refused';
`,
  }),
  command: () => ['php', 'driver.php'],
};

const go = {
  version: ['go', 'version'],
  files: (code) => ({
    'go.mod': 'module snippet\n\ngo 1.21\n',
    'snippet.go': `package main\n\n${code}\n`,
    'main.go': `package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
)

func main() {
	headers := http.Header{}
	headers.Set("webhook-id", os.Args[2])
	headers.Set("webhook-timestamp", os.Args[3])
	headers.Set("webhook-signature", os.Args[4])
	body, _ := base64.StdEncoding.DecodeString(os.Args[5])
	if verify(os.Args[1], headers, body) {
		fmt.Println("accepted")
	} else {
		fmt.Println("refused")
	}
}
`,
  }),
  build: ['go', 'build', '-o', 'snippet', '.'],
  command: () => ['./snippet'],
};

const java = {
  version: ['javac', '-version'],
  files: (code) => ({
    'Webhooks.java': code,
    'Driver.java': `import java.util.Base64;
import java.util.HashMap;
import java.util.Map;

final class Driver {
  public static void main(String[] given) throws Exception {
    Map<String, String> headers = new HashMap<>();
    headers.put("webhook-id", given[1]);
    headers.put("webhook-timestamp", given[2]);
    if (!given[3].isEmpty()) headers.put("webhook-signature", given[3]);
    boolean accepted = Webhooks.verify(given[0], headers, Base64.getDecoder().decode(given[4]));
    System.out.println(accepted ? "accepted" : "refused");
  }
}
`,
  }),
  build: ['javac', '-encoding', 'UTF-8', 'Webhooks.java', 'Driver.java'],
  command: () => ['java', '-cp', '.', 'Driver'],
};

const ruby = {
  version: ['ruby', '--version'],
  files: (code) => ({
    'driver.rb': `${code}

secret, id, time, signature, body = ARGV
headers = { "webhook-id" => id, "webhook-timestamp" => time }
headers["webhook-signature"] = signature unless signature.empty?
puts verify(secret, headers, body.unpack1("m")) ? "accepted" : "refused"
`,
  }),
  command: () => ['ruby', 'driver.rb'],
};

const csharp = { unsupported: 'nothing here builds a .NET project' };

export const DRIVERS = { node, python, php, go, java, ruby, csharp };
