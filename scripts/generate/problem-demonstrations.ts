import type { ProblemCode } from '../../src/http/problem.ts';

/** How a code is seen: a request against the demo, in shell, or why none shows it. */
export type Demonstration = { readonly shell: string } | { readonly unseen: string };

/** What the requests of the page have in common; the commands that it names are used by them. */
export const preparation = `demo() { node -p "JSON.parse(fs.readFileSync('\${DATA_DIR:-data/demo}/demo.json'))['$1']"; }
bff=$(demo bff) deviceManager=$(demo deviceManager) userManager=$(demo userManager)
json='content-type: application/json'
service="authorization: Bearer $(demo serviceToken)"
signIn() { curl -sS "$1/oauth/token" -H "$json" -d "{\\"username\\":\\"$2\\",\\"password\\":\\"$3\\"}"; }
tokenIn() { node -p "JSON.parse(fs.readFileSync(0)).accessToken"; }
operator="authorization: Bearer $(signIn "$userManager" "$(demo operatorUsername)" "$(demo operatorPassword)" | tokenIn)"
curl -sS -c cookies.txt "$bff/oauth/token" -H "$json" -d "{\\"username\\":\\"$(demo username)\\",\\"password\\":\\"$(demo password)\\"}"
app() { curl -sS -b cookies.txt -H "$json" "$@"; }
webhook() { curl -sS "$deviceManager/health-data/medisante" -H "x-api-key: $(demo webhookKey)" "$@"; }`;

const change = (password: string): Demonstration => ({ shell: `app "$bff/change-password" -d "{\\"currentPassword\\":\\"$(demo password)\\",\\"password\\":\\"${password}\\"}"` });

const rule = (unitCode: string): string =>
  `{"identifier":"hospital-monitor","providerId":"medisante","dataTypes":["MonitorPulse"],"normalizedDataType":"heart-rate",
  "normalizationRules":{"observations":[{"metric":"/measurements/pulse","targets":[{"code":"8867-4","name":"Heart rate","unit":"bpm","unitCode":"${unitCode}"}]}]}}`;

const fault = (what: string): Demonstration => ({ unseen: `Only ${what} shows it, which the demo does not have; the tests of faults do.` });

/** How each code of the catalogue is seen; a test runs what is in shell. */
export const demonstrations: Readonly<Record<ProblemCode, Demonstration>> = {
  'malformed-json': { shell: `app "$bff/devices/assign" -d '{"deviceId":'` },
  'malformed-xml': { shell: `webhook -H 'content-type: application/xml' -d '<measurement>'` },
  'forbidden-doctype': { shell: `webhook -H 'content-type: application/xml' -d '<!DOCTYPE measurement><measurement/>'` },
  'duplicate-key': { shell: `app "$bff/devices/assign" -d '{"deviceId":"watch","deviceId":"phone"}'` },
  'forbidden-key': { shell: `app "$bff/devices/assign" -d '{"__proto__":{}}'` },
  'too-deep': { shell: `app "$bff/devices/assign" -d "$(printf '[%.0s' $(seq 33))$(printf ']%.0s' $(seq 33))"` },
  'not-utf8': { shell: `printf '{"deviceId":"\\344"}' | app "$bff/devices/assign" --data-binary @-` },
  'invalid-text': { shell: `app "$bff/devices/assign" -d '{"deviceId":"watch\\u0000","deviceType":"Wearable","deviceProvider":"apple-healthkit"}'` },
  'invalid-request': { shell: `app "$bff/devices/assign" -d '{"deviceId":"watch"}'` },
  'unknown-format': { shell: `app "$bff/health-data/csv" -d '[]'` },
  'unknown-parameter': { shell: `app "$bff/health-data?limit=5"` },
  'unknown-data-type': { shell: `app "$bff/chart-data?normalizedDataType=mood"` },
  'user-header-missing': { shell: `curl -sS "$deviceManager/health-data/healthkit" -H "$service" -H "$json" -d '[]'` },
  'reset-token-invalid': { shell: `app "$bff/reset-password/confirm" -d '{"token":"used-before","password":"a new horse in the old stable"}'` },
  'password-too-short': change('short'),
  'password-too-long': { shell: `app "$bff/change-password" -d "{\\"currentPassword\\":\\"$(demo password)\\",\\"password\\":\\"$(printf 'x%.0s' $(seq 129))\\"}"` },
  'password-too-common': change('passwordpassword'),
  unauthenticated: { shell: `curl -sS "$bff/profile"` },
  'sign-in-failed': { shell: `signIn "$bff" ben 'not the password of Ben'` },
  'insecure-transport': { shell: `webhook -H 'x-forwarded-for: 192.0.2.1' -H "$json" -d '{}'` },
  'foreign-origin': { shell: `app -X POST "$bff/logout" -H 'origin: https://elsewhere.example'` },
  forbidden: { shell: `key=$(curl -sS "$deviceManager/api-keys" -H "$operator" -H "$json" -d '{"sender":"portal","deviceIds":["Maker:Scale:1"]}' | node -p "JSON.parse(fs.readFileSync(0)).key")
curl -sS "$deviceManager/health-data/medisante" -H "x-api-key: $key" -H "$json" -d '{"device":{"id":"Maker:Scale:2"}}'` },
  'not-your-data': { shell: `app "$bff/chart-data?normalizedDataType=heart-rate&patientId=$(demo annaPatientId)"` },
  'not-found': { shell: `app "$bff/uploads/nothing"` },
  'method-not-allowed': { shell: `curl -sS -X DELETE "$bff/-/healthz"` },
  'device-not-enrolled': { shell: `curl -sS "$deviceManager/health-data/healthkit?type=HeartRate&unit=bpm" -H "$service" -H 'miauserid: nobody' -H "$json" \\
  -d '[{"value":71,"startDate":"2024-07-23T15:44:05.993+0200","endDate":"2024-07-23T15:44:05.993+0200"}]'` },
  'device-already-assigned': { shell: `app "$bff/devices/assign" -d '{"deviceId":"BodyTrace:BT105:TEST-0002","deviceType":"Medical","deviceProvider":"medisante"}'` },
  'signed-in-as-another': { shell: `app "$bff/health-data" -H 'vitalgate-expected-user: nobody' -d '[]'` },
  'already-exists': { shell: `curl -sS "$userManager/users" -H "$service" -H "$json" -d '{"email":"anna.rossi@example.org"}'` },
  'two-live-keys': { shell: `for key in second third; do curl -sS "$deviceManager/api-keys" -H "$operator" -H "$json" -d '{"sender":"medisante"}'; done` },
  'invalid-rule': { shell: `curl -sS "$deviceManager/health-data-types" -H "$operator" -H "$json" -d '${rule('furlong')}'` },
  'version-conflict': { shell: `rule='${rule('/min')}'
curl -sS "$deviceManager/health-data-types" -H "$operator" -H "$json" -d "$rule"
for change in first second; do
curl -sS -X PUT "$deviceManager/health-data-types/hospital-monitor?version=1001" -H "$operator" -H "$json" -d "$rule"
done` },
  'cannot-go-on': { shell: `for value in 71 72; do
webhook -H "$json" -d '{"metadata":{"correlationId":"twice"},"device":{"id":"nobodys"},"measurements":{"timestamp":"2024-05-27T14:18:24Z","n":'$value'}}'
done
entry=$(curl -sS "$deviceManager/inbox?kind=conflicting" -H "$operator" | node -p "JSON.parse(fs.readFileSync(0))[0]._id")
curl -sS -X POST "$deviceManager/inbox/$entry/replay" -H "$operator"` },
  'patient-erased': { shell: `curl -sS "$deviceManager/patients/somebody/erasure" -H "$operator" -H "$json" -d '{"confirm":"somebody"}'
curl -sS "$deviceManager/health-data/healthkit" -H "$service" -H 'miauserid: somebody' -H "$json" -d '[]'` },
  'detection-refused': fault('a Therapy and Monitoring Manager that refuses a value'),
  'payload-too-large': { shell: `head -c 10485761 /dev/zero | tr '\\0' ' ' | app "$bff/health-data" --data-binary @-` },
  'too-many-items': { shell: `node -p 'JSON.stringify(Array(5001).fill({}))' | app "$bff/health-data" --data-binary @-` },
  'unsupported-media-type': { shell: `curl -sS -b cookies.txt "$bff/health-data" -H 'content-type: text/csv' -d 'type,value'` },
  'unsupported-encoding': { shell: `app "$bff/health-data" -H 'content-encoding: zstd' -d '[]'` },
  'samples-refused': { shell: `app "$bff/health-data" -H 'prefer: handling=strict' -d '[{"type":"HeartRate","value":71}]'` },
  'too-many-requests': { shell: `for try in 1 2 3 4 5 6 7; do signIn "$bff" nobody "guess number $try"; done` },
  'internal-error': { unseen: 'Nothing shows it on purpose: it is a fault of the program.' },
  'data-unreadable': fault('stored data that was changed, or a lost key'),
  'not-supported': fault('a service of another vendor behind the BFF'),
  'upstream-invalid': fault('a service behind this one that breaks its contract'),
  unavailable: fault('a service that has more to do than it can'),
  'database-unavailable': fault('a database that is down'),
  'keys-unavailable': fault('a process that was not given the master key'),
  'upstream-unavailable': fault('a service behind this one that is down'),
  starting: fault('a service that is asked before it is up'),
};
