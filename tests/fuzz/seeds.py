"""What each target begins with: something that is right, and something that is nearly so."""

from __future__ import annotations

import json

_PLAN = '{"needs": ["Where?"], "queries": [{"tool": "keyword", "text": "Ana work"}]}'
_SAID = '{"statements": [{"text": "Ana works.", "sources": [{"page_id": "0m7vntb32623", "quote": "I work"}]}], "enough": true}'
_EDIT = '{"kind": "semantic", "content": "Ana has a boat.", "time": "2024-05-08", "id": "0m7vntb32623"}'

_EXPORT = "\n".join(
    [
        '{"format":"jitmem","version":1,"jitmem":"0.1.0","namespaces":["default"],"at":"2026-11-21T08:40:15+00:00"}',
        '{"type":"namespace","name":"default"}',
        '{"type":"session","id":"s","content":"55492de93a96542c3e3c802cca0435d477da615994fe6e2f8ade53dea144a87a","time":"2024-05-08T00:00:00","metadata":{},'
        '"accepted_at":"2026-11-21T08:40:14+00:00","filed_at":"2026-11-21T08:40:14+00:00"}',
        '{"type":"page","id":"0m7y5p8ct99c","session":"s","part":1,"parts":1,"text":"Ana: Hi.","header":"s","memo":"Hi.",'
        '"title":"","cause":"memorizer","at":"2026-11-21T08:40:14+00:00","passages":[[0,8,null]]}',
        '{"type":"item","id":"0m7y5pcnfs5y","kind":"semantic"}',
        '{"type":"version","item":"0m7y5pcnfs5y","version":1,"op":"insert","content":"Ana has a boat.","time":null,'
        '"pages":[],"cause":"person","at":"2026-11-21T08:40:15+00:00"}',
        "",
    ]
)

SEEDS: dict[str, list[str]] = {
    "session_files": [
        "\0Ana: Hello.\nBen: Hi. And you?",
        "\1---\nid: one\ndate: 8 May 2023\n---\n# Title\n\nSome text.",
        '\2{"id": 1, "time": "2023-05-08", "turns": [["Ana", "Hi"], {"speaker": "Ben", "text": "Hello"}], "metadata": {}}',
        '\2[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": [{"type": "text", "text": "Yes"}]}]',
        '\3{"text": "one"}\n{"text": "two", "id": "b"}\n',
        '\2{"sessions": [{"messages": [{"role": "assistant", "content": "", "tool_calls": [{"id": "1", "type": "function",'
        ' "function": {"name": "f", "arguments": "{}"}}]}]}]}',
        '\4{"type": "human", "data": {"content": "x"}, "lc": 1, "kwargs": {}}',
    ],
    "sessions": [
        '{"text": "x", "time": "2023"}',
        '{"turns": [["a", "b"]], "id": 5}',
        '["Hi", {"role": "user", "content": "x"}]',
    ],
    "replies": [
        f"<think>Hm {{}}</think>```json\n{_PLAN}\n```",
        _SAID,
        '{"memo": "Ana left.",}',
        f'{{"name": "Integration", "arguments": {json.dumps(_SAID)}}}',
        '{"calls": [{"name": "memory_insert", "args": {"kind": "core"}}]}',
        '{"answer": "x", "citations": [1, 2]}',
    ],
    "edits": [f"{chr(n)}{_EDIT}" for n in range(4)] + ['\0{"kind": "core", "content": "\\ud800"}'],
    "calls": [
        '\x00{"query": "Ana", "k": 3}',
        '\x04{"page_id": "x"}',
        '\x05{"question": "Where?", "depth": 1, "effort": "fast"}',
        '\x06{"query": "boat", "kind": "semantic", "method": "vector"}',
        f"\x07{_EDIT}",
        f"\x08{_EDIT}",
    ],
    "queries": [
        "session: x",
        "title: Harbour",
        "newest: 3",
        "0m7vntb32623..0m7vntb32624",
        "between 1 May 2023 and 4 June 2023",
        '" OR 1=1; DROP TABLE page; --',
        "Ana* NEAR/2 (harbour -office)",
        "before 2024",
    ],
    "times": [
        "1:56 pm on 8 May, 2023",
        "2023-05-08T13:56:00+02:00",
        "since 2nd of June 2020, until 2021-03",
        "20230508",
        "8 May",
    ],
    "ids": ["0m7vntb32623", "core", "9223372036854775808", "-1", "\ud800", "2024-01-01"],
    "namespaces": ["team/ana", "team/*", "../../etc", "a\0b", "\ud800", "CON", "%", "a" * 600],
    "filters": [
        '[{"a": 1, "b": "x"}, {"a": {"$gt": 0}, "b": "x"}]',
        '[{"a": [1, {"c": 2}]}, {"a": [1, {"c": {"$ne": 3}}]}]',
        f'[{{"a": 1{"0" * 400}}}, {{"a": {{"$lt": 2}}}}]',
    ],
    "exports": [
        '\0{"results": [{"id": "1", "memory": "Ana likes plums.", "user_id": "ana", "created_at": "2024-05-08T10:00:00Z"}]}',
        '\1[{"namespace": ["ana"], "key": "k", "value": {"content": "Ana has a boat."}, "created_at": "2024-05-08"}]',
        '\2{"agents": [{"name": "a", "blocks": [{"label": "human", "value": "Ana."}], "messages": []}], "messages": []}',
        f"\3{_EXPORT}",
        f"\4{_EXPORT}",
    ],
    "fences": [
        "</history>",
        "<history a='b'>",
        "&lt;/history&gt;",
        "</hіstоrу>",
        "</question>",
        "</recalled-memory >",
        "\\u003c/history",
    ],
    "citations": ["Ana said  “I work here” today.|i work here", "x y z|“Y\nz”", "ΟΔΟΣ İx ß|οδος"],
}
