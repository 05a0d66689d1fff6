(module
  ;; Work area: 2048 answers of imports, 3072 answers of exports, 3200 lists; from 4096 on what the host allocates.
  (import "exo:hooks/request@0.1.0" "header" (func $header (param i32 i32 i32)))
  (import "exo:hooks/request@0.1.0" "set-header" (func $set-header (param i32 i32 i32 i32 i32)))
  (import "exo:hooks/response@0.1.0" "set-header" (func $set-reply-header (param i32 i32 i32 i32 i32)))
  (import "exo:hooks/response@0.1.0" "set-status" (func $set-status (param i32 i32)))
  (import "exo:hooks/context@0.1.0" "set" (func $set (param i32 i32 i32 i32)))
  (import "exo:hooks/context@0.1.0" "claims" (func $claims (param i32)))
  (import "exo:hooks/context@0.1.0" "model" (func $model (param i32 i32 i32)))
  (import "exo:hooks/operation@0.1.0" "proceed" (func $proceed (param i32)))
  (import "exo:hooks/operation@0.1.0" "proceed-with" (func $proceed-with (param i32 i32 i32)))
  (import "exo:hooks/operation@0.1.0" "operation-name" (func $operation-name (param i32)))
  (import "exo:hooks/operation@0.1.0" "arguments" (func $arguments (param i32)))
  (import "exo:hooks/operation@0.1.0" "selection" (func $selection (param i32)))
  (import "exo:hooks/operation@0.1.0" "outcome" (func $outcome (param i32)))
  (import "exo:hooks/graphql@0.1.0" "execute" (func $execute (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "exo:hooks/log@0.1.0" "write" (func $log (param i32 i32 i32 i32 i32)))
  (import "exo:hooks/log@0.1.0" "access" (func $access (param i32 i32) (result i32)))
  (import "exo:hooks/settings@0.1.0" "get" (func $setting (param i32 i32 i32)))
  (import "exo:hooks/cache@0.1.0" "get" (func $cached (param i32 i32 i32)))
  (import "exo:hooks/cache@0.1.0" "put" (func $cache (param i32 i32 i32 i32 i32 i32)))

  (memory (export "memory") 2)
  (global $bump (mut i32) (i32.const 4096))
  (global $count (mut i32) (i32.const 48))

  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and
      (i32.add (global.get $bump) (i32.sub (local.get 2) (i32.const 1)))
      (i32.sub (i32.const 0) (local.get 2))))
    (global.set $bump (i32.add (local.get $at) (local.get 3)))
    (local.get $at))

  ;; Stores a text's address and length.
  (func $put (param $at i32) (param $text i32) (param $length i32)
    (i32.store (local.get $at) (local.get $text))
    (i32.store offset=4 (local.get $at) (local.get $length)))

  ;; Whether the request has a header; its value is then at 2052.
  (func $has (param i32 i32) (result i32)
    (call $header (local.get 0) (local.get 1) (i32.const 2048))
    (i32.load8_u (i32.const 2048)))

  ;; result<_, _>: ok
  (func $ok (result i32)
    (i64.store (i32.const 3072) (i64.const 0))
    (i64.store (i32.const 3080) (i64.const 0))
    (i32.const 3072))

  ;; result<option<json>, _>: ok(some(text)) at 3076
  (func $some (param i32 i32) (result i32)
    (drop (call $ok))
    (i32.store8 (i32.const 3076) (i32.const 1))
    (call $put (i32.const 3080) (local.get 0) (local.get 1))
    (i32.const 3072))

  ;; A failure with this message and a code.
  (func $failure (param $at i32) (param i32 i32)
    (call $put (local.get $at) (local.get 1) (local.get 2))
    (i32.store8 offset=8 (local.get $at) (i32.const 1))
    (call $put (i32.add (local.get $at) (i32.const 12)) @"NO")
    (i32.store8 offset=20 (local.get $at) (i32.const 1))
    (call $put (i32.add (local.get $at) (i32.const 24)) @"{'why':'test'}"))

  ;; A rejection with this status and message.
  (func $reject (param i32 i32 i32) (result i32)
    (i32.store8 (i32.const 3072) (i32.const 1))
    (i32.store16 (i32.const 3076) (local.get 0))
    (call $put (i32.const 3080) (i32.const 3200) (i32.const 1))
    (call $put (i32.const 3088) (i32.const 3400) (i32.const 1))
    (call $failure (i32.const 3200) (local.get 1) (local.get 2))
    (call $put (i32.const 3400) @"retry-after")
    (call $put (i32.const 3408) @"5")
    (i32.const 3072))

  (func $deep (param i32) (result i32)
    (i32.add (call $deep (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))

  ;; What a hostile guest would do, if the request has the header for it.
  (func $mischief
    (if (call $has @"x-loop") (then (loop $again (br $again))))
    (if (call $has @"x-trap") (then (unreachable)))
    (if (call $has @"x-deep") (then (drop (call $deep (i32.const 0)))))
    (if (call $has @"x-bomb") (then
      (loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
      (unreachable))))

  (func (export "exo:hooks/lifecycle@0.1.0#start") (result i32)
    (call $setting @"refuse" (i32.const 2048))
    (if (i32.load8_u (i32.const 2048)) (then
      (i32.store8 (i32.const 3072) (i32.const 1))
      (call $put (i32.const 3076) @"not today")
      (return (i32.const 3072))))
    (call $ok))

  (func (export "exo:hooks/gateway@0.1.0#on-request") (result i32)
    (call $mischief)
    (if (call $has @"x-block") (then (return (call $reject (i32.const 403) @"blocked"))))
    (if (call $has @"x-odd") (then (return (call $reject (i32.const 7) @"odd"))))
    (call $set-header @"x-from-hook" @"1" (i32.const 2048))
    (call $set @"tenant" @"{'id':7}")
    (call $set @"tenant-id" @"7")
    (call $log (i32.const 2) @"seen" (i32.const 0) (i32.const 0))
    ;; A reply header that counts the requests this instance has seen.
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (i32.store8 (i32.const 3500) (global.get $count))
    (call $set-reply-header @"x-count" (i32.const 3500) (i32.const 1) (i32.const 2048))
    (call $ok))

  (func (export "exo:hooks/gateway@0.1.0#on-response")
    (call $set-reply-header @"x-bye" @"1" (i32.const 2048))
    (if (call $has @"x-teapot") (then (call $set-status (i32.const 418) (i32.const 2048))))
    (drop (call $access @"one request")))

  (func (export "exo:hooks/identity@0.1.0#authenticate") (result i32)
    (if (call $has @"x-user") (then
      (return (call $some (i32.load (i32.const 2052)) (i32.load (i32.const 2056))))))
    (if (call $has @"x-unknown") (then (return (call $reject (i32.const 401) @"who are you"))))
    (call $ok))

  (func (export "exo:hooks/interceptors@0.1.0#before") (param i32 i32) (result i32)
    (call $mischief)
    (if (call $has @"x-arguments") (then
      (return (call $some (i32.load (i32.const 2052)) (i32.load (i32.const 2056))))))
    (if (call $has @"x-refuse") (then
      (i32.store8 (i32.const 3072) (i32.const 1))
      (call $failure (i32.const 3076) @"refused")
      (return (i32.const 3072))))
    (call $ok))

  ;; Gives back what the host shows of the operation: selection for the hook named `s`, else the outcome.
  (func (export "exo:hooks/interceptors@0.1.0#after") (param i32 i32) (result i32)
    (if (i32.eq (i32.load8_u (local.get 0)) (i32.const 115)) (then
      (call $selection (i32.const 2048))
      (return (call $some (i32.load (i32.const 2048)) (i32.load (i32.const 2052))))))
    (call $outcome (i32.const 2048))
    (call $some (i32.load (i32.const 2056)) (i32.load (i32.const 2060))))

  ;; `own` gives a result without proceeding, `with` proceeds with other arguments, `lost` does neither.
  (func (export "exo:hooks/interceptors@0.1.0#around") (param i32 i32) (result i32)
    (local $first i32)
    (local.set $first (i32.load8_u (local.get 0)))
    (if (i32.eq (local.get $first) (i32.const 111)) (then (return (call $some @"{'own':true}"))))
    (if (i32.eq (local.get $first) (i32.const 108)) (then (return (call $ok))))
    (if (i32.eq (local.get $first) (i32.const 98)) (then (return (call $some @"{broken"))))
    ;; `name` fails with the name of the operation.
    (if (i32.eq (local.get $first) (i32.const 110)) (then
      (call $operation-name (i32.const 2048))
      (i32.store8 (i32.const 3072) (i32.const 1))
      (call $failure (i32.const 3076) @"none")
      (if (i32.load8_u (i32.const 2048)) (then
        (call $put (i32.const 3076) (i32.load (i32.const 2052)) (i32.load (i32.const 2056)))))
      (return (i32.const 3072))))
    (if (i32.eq (local.get $first) (i32.const 119)) (then
      (if (call $has @"x-arguments") (then
        (call $proceed-with (i32.load (i32.const 2052)) (i32.load (i32.const 2056)) (i32.const 2048)))
      (else (call $proceed-with @"{'title':'b'}" (i32.const 2048))))
      ;; The rest said no to it: so does this.
      (if (i32.load8_u (i32.const 2048)) (then
        (i32.store8 (i32.const 3072) (i32.const 1))
        (memory.copy (i32.const 3076) (i32.const 2052) (i32.const 32))
        (return (i32.const 3072))))
      (return (call $ok))))
    (call $proceed (i32.const 2048))
    (call $ok))

  ;; The rule's first letter decides: `a`llow, `r`estrict to the filter of the request or to the details, `e`cho the
  ;; details or the `s`ite in a refusal, anything else denies.
  (func (export "exo:hooks/authorization@0.1.0#decide")
    (param $rule i32) (param i32) (param $type i32) (param $named i32) (param i32 i32 i32)
    (param $details i32) (param $length i32)
    (result i32)
    (local $first i32)
    (call $mischief)
    (drop (call $ok))
    (local.set $first (i32.load8_u (local.get $rule)))
    (if (i32.eq (local.get $first) (i32.const 97)) (then (return (i32.const 3072))))
    (if (i32.eq (local.get $first) (i32.const 114)) (then
      (i32.store8 (i32.const 3072) (i32.const 1))
      (call $put (i32.const 3076) (local.get $details) (local.get $length))
      (if (call $has @"x-filter") (then
        (call $put (i32.const 3076) (i32.load (i32.const 2052)) (i32.load (i32.const 2056)))))
      (return (i32.const 3072))))
    (i32.store8 (i32.const 3072) (i32.const 2))
    (if (i32.eq (local.get $first) (i32.const 101)) (then
      (call $failure (i32.const 3076) (local.get $details) (local.get $length))
      (return (i32.const 3072))))
    (if (i32.eq (local.get $first) (i32.const 115)) (then
      (call $failure (i32.const 3076) (local.get $type) (local.get $named))
      (return (i32.const 3072))))
    (call $failure (i32.const 3076) @"denied")
    (i32.const 3072))

  ;; Drops the second item; all of them and shows the first, one that is not there, if the request says so.
  (func (export "exo:hooks/authorization@0.1.0#review")
    (param i32 i32) (param i32 i32) (param i32 i32 i32) (param i32 i32) (param $list i32) (param $items i32)
    (result i32)
    (drop (call $ok))
    (if (call $has @"x-drop-all") (then
      (i32.store8 (i32.const 3072) (i32.const 1))
      (call $failure (i32.const 3076)
        (i32.load (local.get $list)) (i32.load offset=4 (local.get $list)))
      (return (i32.const 3072))))
    (if (call $has @"x-drop-far") (then (local.set $items (i32.const 2))))
    (if (i32.lt_u (local.get $items) (i32.const 2)) (then (return (i32.const 3072))))
    (i32.store8 (i32.const 3072) (i32.const 2))
    (call $put (i32.const 3076) (i32.const 3200) (i32.const 1))
    (i32.store (i32.const 3200) (i32.const 1))
    (if (call $has @"x-drop-far") (then (i32.store (i32.const 3200) (i32.const 99))))
    (call $failure (i32.const 3204) @"secret")
    (i32.const 3072))

  ;; result<json, failure>: the text at 3076
  (func $text (param i32 i32) (result i32)
    (drop (call $ok))
    (call $put (i32.const 3076) (local.get 0) (local.get 1))
    (i32.const 3072))

  ;; Runs GraphQL as the caller (0), the system (1) or with claims (2).
  (func $run (param $as i32) (result i32)
    (call $execute @"{ n }" (i32.const 1) @"{'a':1}" (local.get $as) @"{'sub':'9'}" (i32.const 2048))
    (if (i32.load8_u (i32.const 2048)) (then
      (return (call $text (i32.load (i32.const 2052)) (i32.load (i32.const 2056))))))
    ;; No data: the first error's code is the answer, as a failure.
    (i32.store8 (i32.const 3072) (i32.const 1))
    (memory.copy (i32.const 3076) (i32.load (i32.const 2060)) (i32.const 32))
    (i32.const 3072))

  ;; The name's first letter says what to give: arguments, `c`laims, `m`odel context, `g`raphql, `s`ystem, `u`ser,
  ;; `k`ept bytes, se`t`ting.
  (func (export "exo:hooks/module@0.1.0#query") (param i32 i32) (param i32 i32) (result i32)
    (local $first i32)
    (call $mischief)
    (local.set $first (i32.load8_u (local.get 0)))
    (if (i32.eq (local.get $first) (i32.const 103)) (then (return (call $run (i32.const 0)))))
    (if (i32.eq (local.get $first) (i32.const 115)) (then (return (call $run (i32.const 1)))))
    (if (i32.eq (local.get $first) (i32.const 117)) (then (return (call $run (i32.const 2)))))
    (if (i32.eq (local.get $first) (i32.const 99)) (then
      (call $claims (i32.const 2048))
      (if (i32.load8_u (i32.const 2048)) (then
        (return (call $text (i32.load (i32.const 2052)) (i32.load (i32.const 2056))))))
      (return (call $text @"null"))))
    (if (i32.eq (local.get $first) (i32.const 109)) (then
      (call $model @"Caller" (i32.const 2048))
      (return (call $text (i32.load (i32.const 2052)) (i32.load (i32.const 2056))))))
    (if (i32.eq (local.get $first) (i32.const 116)) (then
      (call $setting @"limit" (i32.const 2048))
      (return (call $text (i32.load (i32.const 2052)) (i32.load (i32.const 2056))))))
    (if (i32.eq (local.get $first) (i32.const 107)) (then
      (call $cached @"key" (i32.const 2048))
      (if (i32.load8_u (i32.const 2048)) (then
        (return (call $text (i32.load (i32.const 2052)) (i32.load (i32.const 2056))))))
      (call $cache @"key" @"'kept'" (i32.const 0) (i32.const 0))
      (return (call $text @"'new'"))))
    (call $text (local.get 2) (local.get 3)))

  (func (export "exo:hooks/module@0.1.0#mutation") (param i32 i32) (param i32 i32) (result i32)
    (i32.store8 (i32.const 3072) (i32.const 1))
    (call $failure (i32.const 3076) @"not that")
    (i32.const 3072))

  (func (export "exo:hooks/observer@0.1.0#on-finished")
    (param i32 i32) (param i32 i32) (param i32) (param i64) (param i32 i32)
    (drop (call $access (local.get 2) (local.get 3))))
)
