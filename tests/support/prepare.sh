# What tests/run.sh and perf/run.sh need beyond Debian packages, made once below build/. To be sourced in the project's folder.

# build/venv: Python with the packages of requirements.txt.
python_tools() {
    [ -x build/venv/bin/python ] || python3 -m venv build/venv || return 1
    cmp -s tests/support/requirements.txt build/venv/requirements.txt && return 0
    build/venv/bin/python -m pip install -q --disable-pip-version-check -r tests/support/requirements.txt &&
        cp tests/support/requirements.txt build/venv/requirements.txt
}

# build/kafka/lib: the jars of a real broker.
kafka_jars() {
    cmp -s tests/support/kafka/pom.xml build/kafka/pom.xml && return 0
    rm -rf build/kafka
    mvn -q -B -f tests/support/kafka/pom.xml dependency:copy-dependencies -DincludeScope=runtime \
        -DoutputDirectory="$PWD/build/kafka/lib" && cp tests/support/kafka/pom.xml build/kafka/pom.xml
}
