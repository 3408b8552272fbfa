"""Sinks at the other end of a network: real servers where they are installed, a real client of each library.

Kafka's client brings a broker of its own for tests, which speaks the protocol over a socket.
"""

import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest

from live_video import look
from pinpoint.io.plain import from_plain
from pinpoint.keypoints import Keypoints
from pinpoint.skeletons import skeleton
from pinpoint.stream.reconnect import Backoff
from pinpoint.stream.sinks import (
    Fan,
    KafkaSink,
    MqttSink,
    RedisSink,
    Reopening,
    WebSocketSink,
    message,
    open_sink,
)

QUICK = Backoff(first=0.05, longest=0.1, tries=100)


def eventually(truth):
    end = time.monotonic() + 60
    while not (answer := truth()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return answer


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def program(name, *arguments, port):
    """A server that is installed on this machine."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"needs {name}, which is not installed")
    process = subprocess.Popen([found, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: listening(port))
        yield process
    finally:
        process.kill()
        process.wait()


def mosquitto(port):
    return program("mosquitto", "-p", str(port), port=port)


def redis_server(port):
    return program("redis-server", "--port", str(port), "--save", "", port=port)


def indices(messages):
    return [json.loads(text)["index"] for text in messages]


def test_a_message_is_a_line_that_reads_back():
    seen = look(3)
    plain = json.loads(message(seen))
    record = from_plain(plain, skeleton(plain["skeleton"]))
    assert (record.image, record.index, record.seconds, plain["age"]) == ("door", 3, 0.12, 0.0123)
    np.testing.assert_array_equal(record.keypoints.xy, seen.keypoints.xy)
    assert record.keypoints.track_ids.tolist() == [7] and "\n" not in message(seen)


@pytest.mark.parametrize(
    ("address", "module", "extra"),
    [
        ("ws://localhost/", "websockets.sync.client", "serve"),
        ("mqtt://localhost/seen", "paho.mqtt.client", "mqtt"),
        ("redis://localhost/0", "redis", "redis"),
        ("kafka://localhost/seen", "confluent_kafka", "kafka"),
    ],
)
def test_a_library_that_is_not_there_is_named_by_its_extra(address, module, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModuleNotFoundError, match=rf"pinpoint-keypoints\[{extra}\]"):
        open_sink(address)


@pytest.mark.parametrize("scheme", ["ws", "mqtt", "redis"])
def test_a_server_that_is_not_there_is_told_at_once(scheme):
    with pytest.raises(OSError):
        open_sink(f"{scheme}://127.0.0.1:{free_port()}/seen")


class Listener:
    """A WebSocket server that keeps what it is sent."""

    def __init__(self, port=0, chatty=False, max_size=2**20):
        from websockets.sync.server import serve

        self.got, self.headers, self.chatty = [], [], chatty
        self._open = []
        self._server = serve(self._take, "127.0.0.1", port, max_size=max_size)
        self.port = self._server.socket.getsockname()[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _take(self, connection):
        self._open.append(connection)
        self.headers.append(connection.request.headers)
        for text in connection:
            for _ in range(100 * self.chatty):
                connection.send("x" * 10_000)
            self.got.append(text)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        for connection in self._open:
            connection.close()


def test_websocket_sends_every_frame_with_the_token():
    with Listener() as server:
        sink = WebSocketSink(f"ws://127.0.0.1:{server.port}/", token="secret")
        for index in range(5):
            sink.write(look(index))
        sink.close()
        eventually(lambda: len(server.got) == 5)
    assert indices(server.got) == list(range(5))
    assert server.headers[0]["Authorization"] == "Bearer secret"


def test_websocket_is_not_held_up_by_answers_that_nobody_reads(monkeypatch):
    """30 MB of them: more than any buffer on the way holds."""
    monkeypatch.setattr("pinpoint.stream.sinks.websocket._FAREWELL", 90.0)
    with Listener(chatty=True) as server:
        sink = WebSocketSink(f"ws://127.0.0.1:{server.port}/", timeout=90)
        for index in range(30):
            sink.write(look(index))
        eventually(lambda: len(server.got) == 30)
        began = time.monotonic()
        sink.close()
        assert time.monotonic() - began < 60


def test_websocket_comes_back_after_its_server_did():
    with Listener() as first:
        sink = Reopening(lambda: WebSocketSink(f"ws://127.0.0.1:{first.port}/"), "ws", backoff=QUICK)
        sink.write(look(0))
        eventually(lambda: first.got)
    threading.Timer(0.3, lambda: started.append(Listener(first.port))).start()
    started = []
    for index in range(1, 10):
        sink.write(look(index))
    sink.close()
    eventually(lambda: started and indices(started[0].got)[-1:] == [9])
    with started[0]:
        assert indices(started[0].got) == list(range(10))[-len(started[0].got) :]


def test_a_websocket_server_that_takes_no_long_messages_is_told():
    """Sinks that are opened again would send every second frame into the void."""
    with Listener(max_size=100) as server:
        sink = open_sink(f"ws://127.0.0.1:{server.port}/")
        with pytest.raises(ValueError, match=r"takes no messages of such a length: .*100 bytes"):
            eventually(lambda: sink.write(look(0)))
        sink.close()


@pytest.mark.parametrize("address", ["ws://", "http://localhost/"])
def test_an_address_that_is_no_websocket_is_refused(address):
    with pytest.raises(ValueError, match="no address of a WebSocket"):
        WebSocketSink(address)


def test_a_server_that_is_not_there_is_named():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"ws://127.0.0.1:{server.getsockname()[1]}/"
    with pytest.raises(ConnectionError, match=address):
        WebSocketSink(address)


def test_a_web_server_is_no_websocket_server():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def refuse():
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=refuse, daemon=True).start()
        with pytest.raises(ConnectionError, match="404"):
            WebSocketSink(f"ws://127.0.0.1:{server.getsockname()[1]}/")


class FakeMqtt:
    """The part of `paho.mqtt.client.Client` that is used, and what it says of each message."""

    rc = 0

    def __init__(self, connected=True, answers=True, breaks=0):
        self.sent, self.waited, self.answers, self.connected = [], 0, answers, connected
        self.breaks = breaks

    def is_connected(self):
        return self.connected

    def publish(self, topic, payload, qos):
        self.sent.append((topic, payload, qos))
        self.rc, self.breaks = 4 if self.breaks else 0, max(self.breaks - 1, 0)
        self.done = False
        return self

    def wait_for_publish(self, seconds):
        self.waited += 1
        self.done = self.answers

    def is_published(self):
        done, self.done = self.done, False
        return done


def test_mqtt_lets_a_few_messages_be_under_way_and_waits_for_all_in_the_end():
    client = FakeMqtt()
    sink = MqttSink("", "seen/door", qos=2, client=client)
    for index in range(25):
        sink.write(look(index))
    assert client.waited == 5
    sink.close()
    assert client.waited == 25
    assert {(topic, qos) for topic, _, qos in client.sent} == {("seen/door", 2)}
    assert indices(payload for _, payload, _ in client.sent) == list(range(25))


@pytest.mark.parametrize(("qos", "sent"), [(0, 2), (1, 1)])
def test_mqtt_that_breaks_off_while_it_sends_is_given_the_frame_again_if_it_keeps_nothing(qos, sent):
    """With qos 1 the client keeps the message for the next connection."""
    client = FakeMqtt(breaks=1)
    MqttSink("", "seen", qos=qos, client=client).write(look(0))
    assert len(client.sent) == sent


def test_mqtt_tells_when_the_broker_is_away_or_silent():
    with pytest.raises(ConnectionError, match=r"away for 0\.1 s"):
        MqttSink("", "seen", client=FakeMqtt(connected=False), patience=0.1).write(look(0))
    silent = MqttSink("", "seen", client=FakeMqtt(answers=False), timeout=0.1)
    silent.write(look(0))
    with pytest.raises(
        TimeoutError, match=r"'seen': the broker takes no message.*; 0 of 1 messages were taken"
    ):
        silent.close()


@pytest.mark.parametrize("topic", ["", "house/+/door", "house/#"])
def test_a_topic_that_nothing_can_be_published_to_is_refused_when_the_sink_is_made(topic):
    with pytest.raises(ValueError, match="nothing can be published to the topic"):
        MqttSink("", topic, client=FakeMqtt())


def test_a_real_mqtt_broker_that_takes_no_long_messages_is_told(tmp_path):
    """It hangs up at each, so the client would send for ever."""
    port = free_port()
    (tmp_path / "it.conf").write_text(f"listener {port}\nallow_anonymous true\nmax_packet_size 100\n")
    with program("mosquitto", "-c", str(tmp_path / "it.conf"), port=port):
        sink = MqttSink(f"mqtt://127.0.0.1:{port}", "seen")
        sink.write(look(0))
        sink._timeout = 0.3
        with pytest.raises(
            TimeoutError, match=r"does it allow .* their length\?; 0 of 1 messages were taken"
        ):
            sink.close()


@contextmanager
def subscribed(port, topic):
    import paho.mqtt.client as paho

    got, ready = [], threading.Event()
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.on_connect = lambda *_: client.subscribe(topic, qos=1)
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda _client, _data, sent: got.append(sent.payload.decode())
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert ready.wait(60)
    yield got
    client.disconnect()
    client.loop_stop()


def test_a_real_mqtt_broker_passes_every_frame_on():
    port = free_port()
    with mosquitto(port), subscribed(port, "house/door") as got:
        with Fan({"broker": open_sink(f"mqtt://127.0.0.1:{port}/house/door")}) as fan:
            fan.take(look(index) for index in range(60))
        eventually(lambda: len(got) >= 60)
        assert indices(got) == list(range(60)) and fan.errors == {}


def test_a_real_mqtt_broker_that_is_killed_gets_what_it_had_not_taken():
    """It is frozen before it can answer ten messages; the one that takes its place takes all of them."""
    port = free_port()
    with mosquitto(port) as first:
        sink = MqttSink(f"mqtt://127.0.0.1:{port}", "seen")
        first.send_signal(signal.SIGSTOP)
        for index in range(10):
            sink.write(look(index))
        assert not any(sent.is_published() for sent in sink._under_way)
        under_way = list(sink._under_way)
    with mosquitto(port), subscribed(port, "seen") as got:
        sink.write(look(10))
        sink.close()
        assert all(sent.is_published() for sent in under_way)
        eventually(lambda: 10 in indices(got))


def test_a_real_mqtt_broker_that_refuses_is_told(tmp_path):
    port = free_port()
    (tmp_path / "mosquitto.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous false\n")
    told = pytest.raises(ConnectionRefusedError, match="Not authorized")
    with program("mosquitto", "-c", str(tmp_path / "mosquitto.conf"), port=port), told:
        MqttSink(f"mqtt://me:wrong@127.0.0.1:{port}", "seen")


class FakeRedis:
    """The part of `redis.Redis` that is used."""

    def __init__(self):
        self.calls, self.closed = [], False

    def ping(self):
        self.calls.append("ping")

    def xadd(self, key, fields, **options):
        self.calls.append((key, fields, options))

    def close(self):
        self.closed = True


def test_redis_adds_to_a_stream_of_bounded_length():
    client = FakeRedis()
    sink = RedisSink("", "door", length=50, client=client)
    sink.write(look(3))
    sink.close()
    fields = {"record": message(look(3))}
    assert client.calls == ["ping", ("door", fields, {"maxlen": 50, "approximate": True})]
    assert not client.closed  # it is the caller's


def test_an_option_that_redis_does_not_know_is_refused():
    with pytest.raises(ValueError, match=r"option that does not exist.*'keys'"):
        open_sink("redis://127.0.0.1/0?keys=door")


def test_a_real_redis_keeps_every_frame():
    import redis

    port = free_port()
    with redis_server(port):
        with Fan({"redis": open_sink(f"redis://127.0.0.1:{port}/0?key=door")}) as fan:
            fan.take(look(index) for index in range(60))
        with redis.Redis(port=port, decode_responses=True) as client:
            entries = client.xrange("door")
    assert indices(fields["record"] for _, fields in entries) == list(range(60)) and fan.errors == {}


def test_a_real_redis_that_is_restarted_gets_what_follows():
    import redis

    port = free_port()
    with redis_server(port):
        sink = Reopening(lambda: RedisSink(f"redis://127.0.0.1:{port}", "door"), "redis", backoff=QUICK)
        sink.write(look(0))
    with redis_server(port):
        sink.write(look(1))
        sink.close()
        with redis.Redis(port=port, decode_responses=True) as client:
            assert indices(fields["record"] for _, fields in client.xrange("door")) == [1]


@pytest.mark.parametrize(
    ("set_up", "user", "told"),
    [
        (("SET", "door", "bell"), "", "'door': WRONGTYPE"),
        (("ACL", "SETUSER", "bob", "on", ">x", "~yard", "+@all"), "bob:x@", "'door': .*permission"),
    ],
    ids=["something else is there", "it may not be written"],
)
def test_a_key_that_redis_refuses_is_told_at_once(set_up, user, told):
    """Sinks that are opened again would try for minutes."""
    import redis

    port = free_port()
    with redis_server(port), redis.Redis(port=port) as client:
        client.execute_command(*set_up)
        sink = open_sink(f"redis://{user}127.0.0.1:{port}/0?key=door")
        with pytest.raises(ValueError, match=f"Redis stream {told}.*: give another key"):
            sink.write(look(0))
        sink.close()


class FakeKafka:
    """The part of `confluent_kafka.Producer` that is used; it holds two messages and delivers when polled."""

    def __init__(self, error=None, left=0, works=True, refuses=None):
        self.sent, self.waiting, self.error, self.left, self.works = [], [], error, left, works
        self.refuses = refuses

    def produce(self, topic, value, key, on_delivery):
        if self.refuses is not None:
            raise self.refuses
        if len(self.waiting) == 2:
            raise BufferError
        self.waiting.append(on_delivery)
        self.sent.append((topic, value, key))

    def poll(self, seconds):
        if seconds and self.works:
            self.flush(0)

    def flush(self, seconds):
        while self.waiting:
            self.waiting.pop()(self.error, None)
        return self.left


def test_kafka_waits_for_room_and_keys_by_stream():
    producer = FakeKafka()
    sink = KafkaSink("", "seen", producer=producer)
    for index in range(5):
        sink.write(look(index, f"door {index % 2}"))
    sink.close()
    assert indices(value for _, value, _ in producer.sent) == list(range(5))
    assert {(topic, key) for topic, _, key in producer.sent} == {("seen", "door 0"), ("seen", "door 1")}


@pytest.mark.parametrize(("further", "ordered"), [({}, True), ({"enable.idempotence": False}, False)])
def test_kafka_keeps_order_when_it_sends_again_unless_told_otherwise(further, ordered, monkeypatch):
    made = []
    topics = {"seen": SimpleNamespace(error=None)}
    producer = Mock(list_topics=lambda *_, **__: SimpleNamespace(topics=topics))
    fake = SimpleNamespace(
        Producer=lambda settings, logger: made.append(settings) or producer, KafkaException=OSError
    )
    monkeypatch.setattr("pinpoint.stream.sinks.kafka.needed", lambda *_: fake)
    KafkaSink("host:1", "seen", settings=further)
    assert [settings["enable.idempotence"] for settings in made] == [ordered]


def kafka_error(name):
    kafka = pytest.importorskip("confluent_kafka", reason="needs the extra kafka")
    return kafka.KafkaError(getattr(kafka.KafkaError, name))


def test_kafka_tells_what_was_not_delivered():
    sink = KafkaSink("", "seen", producer=FakeKafka(error=kafka_error("_MSG_TIMED_OUT")))
    sink.write(look(0))
    with pytest.raises(ConnectionError, match=r"topic 'seen': Local: Message timed out; 0 of 1 messages"):
        sink.close()
    with pytest.raises(TimeoutError, match="3 messages were left"):
        KafkaSink("", "seen", producer=FakeKafka(left=3)).close()
    full = KafkaSink("", "seen", producer=FakeKafka(works=False), patience=0.1)
    with pytest.raises(TimeoutError, match=r"no message was taken within 0\.1 s; 0 of 2 messages"):
        [full.write(look(index)) for index in range(3)]


@pytest.mark.parametrize(
    ("name", "kind", "advice"),
    [
        ("MSG_SIZE_TOO_LARGE", ValueError, "raise message.max.bytes"),
        ("_UNKNOWN_TOPIC", ConnectionError, "create it"),
        ("TOPIC_AUTHORIZATION_FAILED", ConnectionError, "allow this user"),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_what_kafka_refuses_is_told_with_the_topic_and_what_to_do(name, kind, advice, late):
    """At once by librdkafka, or later by a server."""
    kafka = pytest.importorskip("confluent_kafka", reason="needs the extra kafka")
    error = kafka_error(name)
    fake = FakeKafka(error=error) if late else FakeKafka(refuses=kafka.KafkaException(error))
    sink = KafkaSink("", "house", producer=fake)
    with pytest.raises(kind, match=rf"Kafka topic 'house': .*: {advice}"):
        sink.write(look(0))
        sink.close()


KAFKA = """
import sys, confluent_kafka
home = confluent_kafka.Producer({"bootstrap.servers": "127.0.0.1", "test.mock.num.brokers": 1})
(broker,) = home.list_topics(timeout=5).brokers.values()
print(f"{broker.host}:{broker.port}", flush=True)
sys.stdin.read()
"""


@contextmanager
def kafka_server():
    """The broker that librdkafka has for tests, in a process of its own, and its address."""
    pytest.importorskip("confluent_kafka", reason="needs the extra kafka")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    process = subprocess.Popen([sys.executable, "-c", KAFKA], **pipes)
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def messages_in_kafka(address, count, topic="seen"):
    kafka = pytest.importorskip("confluent_kafka", reason="needs the extra kafka")
    settings = {"bootstrap.servers": address, "group.id": "test", "auto.offset.reset": "earliest"}
    reader, got = kafka.Consumer(settings), []
    reader.assign([kafka.TopicPartition(topic, number, 0) for number in range(4)])
    eventually(lambda: got.extend(reader.consume(100, 0.2)) or len(got) >= count)
    reader.close()
    return got


def test_a_kafka_broker_gets_every_frame_in_order():
    with kafka_server() as (_, address):
        sink = open_sink(f"kafka://{address}/seen")
        for index in range(60):
            sink.write(look(index))
        sink.close()
        got = messages_in_kafka(address, 60)
    assert indices(sent.value() for sent in got) == list(range(60))
    assert {sent.key() for sent in got} == {b"door"}


def test_a_kafka_broker_that_was_away_gets_everything_once():
    """It is frozen for longer than a request may take."""
    with kafka_server() as (process, address):
        sink = KafkaSink(
            address, "seen", settings={"socket.timeout.ms": 300, "reconnect.backoff.max.ms": 200}
        )
        sink.write(look(0))
        process.send_signal(signal.SIGSTOP)
        for index in range(1, 20):
            sink.write(look(index))
        time.sleep(0.8)
        process.send_signal(signal.SIGCONT)
        sink.write(look(20))
        sink.close()
        assert indices(sent.value() for sent in messages_in_kafka(address, 21)) == list(range(21))


def test_a_kafka_broker_that_stays_away_is_told_with_what_it_took():
    with kafka_server() as (process, address):
        sink = KafkaSink(address, "seen")
        sink.write(look(0))
        eventually(lambda: sink._producer.flush(1) == 0)
        process.kill()
        process.wait()
        sink.write(look(1))
        sink._timeout = 0.3
        with pytest.raises(TimeoutError, match=r"'seen': 1 messages were left .*; 1 of 2 messages were"):
            sink.close()


def test_a_topic_that_nobody_makes_is_told_when_the_sink_is_made():
    settings, told = {"allow.auto.create.topics": False}, r"Kafka topic 'seen': .*: create it"
    with kafka_server() as (_, address), pytest.raises(ConnectionError, match=told):
        KafkaSink(address, "seen", settings=settings, timeout=2)


def test_a_message_that_kafka_finds_too_large_is_told():
    with kafka_server() as (_, address):
        sink = KafkaSink(address, "seen", settings={"message.max.bytes": 1000})
        crowd = replace(look(0), keypoints=Keypoints.concatenate([look(0).keypoints] * 50))
        with pytest.raises(ValueError, match=r"Kafka topic 'seen': .*too large: raise message.max.bytes"):
            sink.write(crowd)
        sink.close()


def test_a_kafka_that_is_not_there_is_told_at_once():
    pytest.importorskip("confluent_kafka", reason="needs the extra kafka")
    with pytest.raises(ConnectionError, match="no server answers"):
        KafkaSink(f"127.0.0.1:{free_port()}", "seen", timeout=0.5)
