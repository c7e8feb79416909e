# broker.sh: a real Apache Kafka of one's own, one node in KRaft mode: sourced, not run. Its jars come from Maven
# (kafka-broker.xml), once, into build/interop.
# Set before: work (a scratch folder), broker_port (it takes the next one, too).

broker=
broker_libs=$PWD/build/interop/kafka

# Fetches the jars. Fails with a sentence in $broker_why when that cannot be: no JVM, no Maven, no net.
broker_fetch() {
    broker_why=
    if ! command -v java >/dev/null; then
        broker_why="no java here; on Debian: apt-get install default-jre-headless"
    elif [ ! -f "$broker_libs/whole" ]; then
        if ! command -v mvn >/dev/null; then
            broker_why="no mvn here, to fetch Kafka's jars; on Debian: apt-get install maven"
        elif timeout 300 mvn -q -f tests/interop/kafka-broker.xml dependency:copy-dependencies \
            -DoutputDirectory="$broker_libs" >"$work/mvn.log" 2>&1; then
            touch "$broker_libs/whole"
        else
            broker_why="Kafka's jars cannot be fetched: $(tail -n 1 "$work/mvn.log")"
        fi
    fi
    [ -z "$broker_why" ]
}

broker_java() { java -Xmx512m -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$broker_libs/*" "$@"; }

# Makes its storage. Topics are made when they are first named, with as many partitions as the first argument says.
broker_format() {
    cat >"$work/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((broker_port + 1))
listeners=PLAINTEXT://127.0.0.1:$broker_port,CONTROLLER://127.0.0.1:$((broker_port + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$broker_port
controller.listener.names=CONTROLLER
log.dirs=$work/kafka
num.partitions=${1:-4}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
message.max.bytes=10000000
PROPERTIES
    broker_java kafka.tools.StorageTool format -t 5L6g3nShT-eMCtK--X86sw -c "$work/server.properties" \
        >"$work/format.log" 2>&1 || { tail -n 5 "$work/format.log"; return 1; }
}

# Starts it on its storage, and waits until it listens.
broker_start() {
    (broker_java=exec; exec java -Xmx512m -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$broker_libs/*" kafka.Kafka "$work/server.properties") >>"$work/broker.log" 2>&1 &
    broker=$!
    local i
    for ((i = 0; i < 600; i++)); do
        (exec 3<>"/dev/tcp/127.0.0.1/$broker_port") 2>/dev/null && return 0
        kill -0 "$broker" 2>/dev/null || break
        sleep 0.1
    done
    tail -n 5 "$work/broker.log"
    return 1
}

broker_stop() {
    [ -z "$broker" ] || { kill "$broker" 2>/dev/null; wait "$broker" 2>/dev/null; }
    broker=
}
