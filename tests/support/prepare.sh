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

# A kubectl that renders with kustomize 5.
kubectl_renders() {
    kubectl version --client 2>/dev/null | grep -q 'Kustomize Version: v5'
}

# build/bin/kustomize, where no kubectl does it: Debian 12 has none that is new enough. Built from its Go module; this version takes Go 1.19.
kustomize() {
    kubectl_renders || [ -x build/bin/kustomize ] ||
        GOFLAGS=-modcacherw GOPATH="$PWD/build/go" CGO_ENABLED=0 GOBIN="$PWD/build/bin" go install sigs.k8s.io/kustomize/kustomize/v5@v5.0.1
}
