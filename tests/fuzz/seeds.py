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

_PLACES = [(0, 0, "x"), (1, 9, "-1"), (3, 60, "null"), (4, 90, "../canary"), (6, 120, '{"a": 1}')]
# A first byte of 128 and more leaves the form open.
_HISTORY = [
    "\x81" + text
    for text in (
        "20/05/2025, 10:00 - Ana: I work.\n21/05/2025, 10:03 - Ben: <Media omitted>\n",
        '[LINE] Chat history with Ben\n\n2025/05/20(Tue)\n10:00\tAna\t"one\n""two"""\n10:01\tBen\tok\n',
        "KakaoTalk Chats with Ana\nDate Saved : 2025-06-01 10:00:00\n\n--- Tuesday, May 20, 2025 ---\n[Ana] [10:00 AM] Hi.\n",
        "--- Log opened Tue May 20 09:00:00 2025\n10:00 < Ana> Hi.\n10:01 -!- Ben [b@h] has joined #x\n",
        "WEBVTT\n\n1\n00:00:01.000 --> 00:00:02.000\n<v Ana>Hi.</v>\n",
        "1\n00:00:01,000 --> 00:00:02,000\nAna: Hi.\n",
        "Ana  0:03\nHi.\n\nBen  1:02:03\nHello.\n",
        "From ana@x Tue May 20 10:00:00 2025\nFrom: =?utf-8?q?Ana?= <a@x>\nDate: Tue, 20 May 2025 10:00:00 +0200\n"
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nHi.\n--b--\n",
        "* 2025-05-20 Tue\n** TODO Call Ben <2025-05-21 Wed +1w>\nHi.\n",
        'date,sender,message\n2025-05-20 10:00,Ana,"Hi, ""you"""\n',
        "<html><body><p>Hi <b>you</b></p><script>x</script></body></html>",
        "---\ntags: [a, b]\ndate: 2025-05-20\n---\nHi.",
        '[{"type": "message", "user": "U1", "text": "Hi <@U2>", "ts": "1747735200.000100", "thread_ts": "1747735200.000100"}]',
        '{"chats": {"list": [{"name": "Ben", "type": "personal_chat", "id": 1, "messages": [{"id": 1, "type": "message",'
        ' "date": "2025-05-20T10:00:00", "from": "Ana", "text": ["Hi ", {"type": "bold", "text": "you"}]}]}]}}',
        '[{"id": "c", "title": "t", "create_time": 1.7e9, "current_node": "b", "mapping": {"b": {"id": "b", "parent": null,'
        ' "children": [], "message": {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["Hi"]}}}}}]',
        '[{"uuid": "c", "name": "t", "chat_messages": [{"sender": "human", "text": "Hi", "created_at": "2025-05-20T10:00:00Z"}]}]',
        '{"type": "user", "sessionId": "s", "timestamp": "2025-05-20T10:00:00Z", "message": {"role": "user", "content": "Hi"}}',
        '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes"}]}',
        '[{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Yes"}]}]',
        '[{"type": "human", "data": {"content": [{"type": "text", "text": "Hi"}]}}]',
        '{"conversation_id": 1, "sender": "Ana", "time": 1747735200, "text": "Hi"}\n{"conversation_id": 1, "sender": "B", "text": "a"}',
    )
]

SEEDS: dict[str, list[str]] = {
    "session_files": [
        *_HISTORY,
        "\0Ana: Hello.\nBen: Hi. And you?",
        "\1---\nid: one\ndate: 8 May 2023\n---\n# Title\n\nSome text.",
        '\2{"id": 1, "time": "2023-05-08", "turns": [["Ana", "Hi"], {"speaker": "Ben", "text": "Hello"}], "metadata": {}}',
        '\2[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": [{"type": "text", "text": "Yes"}]}]',
        '\3{"text": "one"}\n{"text": "two", "id": "b"}\n',
        '\2{"sessions": [{"messages": [{"role": "assistant", "content": "", "tool_calls": [{"id": "1", "type": "function",'
        ' "function": {"name": "f", "arguments": "{}"}}]}]}]}',
        '\4{"type": "human", "data": {"content": "x"}, "lc": 1, "kwargs": {}}',
    ],
    "zips": [
        "\1../a.txt|Ana: Hi.",
        '\1conversations.json|[{"uuid": "c", "chat_messages": []}]',
        "\1general/2025-05-20.json|[]",
        "\1/etc/x|Hi",
        "\1C:\\x|Hi",
        "\2PK\3\4",
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
    "date_phrases": [
        "\x07\xe7Ana: I left yesterday, and two weeks ago we met on the 7th.",
        "\0\0next Friday, last March, this summer, in three months, 31 January",
        "\x27\x0ethe day before yesterday, tomorrow, next year, a century ago",
        "\x07\xe7between May and June, since 2021, on 2023-02-30 [7 May 2023]",
    ],
    "terminals": [
        "\x1b]52;c;ZXZpbA==\x07\x1b[2J\x9b5n\u202e\u2066\u200e\u2028 [link=https://evil]here[/link]",
        '{"a": "\\u001b[2J \u202e \u0645\u200c\u0645 \U0001f468\u200d\U0001f469"}',
        "\r\n\t\r \ufeff\xad\U000e0041\ufe0f",
    ],
    "foreign_folders": [
        *(f"{chr(how)}{chr(which)}\0{chr(at)}0{body}" for how in range(4) for which, at, body in _PLACES),
        *(f"\4{chr(which)}\0\0{chr(column)}{body}" for column in range(1, 100, 9) for which, _, body in _PLACES[:2]),
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
